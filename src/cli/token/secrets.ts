import { JOIN_NAMESPACE, JOIN_TOKEN_TYPE } from '#api/join-token.ts';

/** Where the join tokens stand in the API. */
export const SECRETS_PATH = `/api/v1/namespaces/${JOIN_NAMESPACE}/secrets`;
export const TOKENS_QUERY = `?fieldSelector=${encodeURIComponent(`type=${JOIN_TOKEN_TYPE}`)}`;
