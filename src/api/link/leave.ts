/** `POST /skerry.dev/v1/leave`: a machine is to be a node no more. Who asks is told by its key in the TLS handshake, so the request is empty. */
export const LEAVE_PATH = '/skerry.dev/v1/leave';

/** Extra of a user of the API: the hash of the key that it has shown, where that is a node's. It makes nobody a user. */
export const NODE_KEY_EXTRA = 'skerry.dev/node-key-hash';
