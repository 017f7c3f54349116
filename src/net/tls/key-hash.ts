import { createHash, createPrivateKey, createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

/** The name of a key everywhere in this product: SHA-256 over its SubjectPublicKeyInfo (DER), in hex. Dates and names never count. */
export function publicKeyHash(key: KeyObject): string {
  return createHash('sha256').update(spkiOf(key)).digest('hex');
}

export function certificateKeyHash(certificate: X509Certificate): string {
  return publicKeyHash(certificate.publicKey);
}

/**
 * The key that the other side has proven to hold, or undefined if it showed none. On the server's side also on a resumed session, as often as asked;
 * on the client's side only on a full handshake and only once (Node 24.21: a second getPeerX509Certificate there gives nothing).
 */
export function peerKeyHash(socket: TLSSocket): string | undefined {
  const certificate = socket.getPeerX509Certificate();
  return certificate === undefined ? undefined : certificateKeyHash(certificate);
}

export function publicKeyPem(privateKeyPem: string): string {
  return createPublicKey(createPrivateKey(privateKeyPem)).export({ type: 'spki', format: 'pem' }).toString();
}

function spkiOf(key: KeyObject): Buffer {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ type: 'spki', format: 'der' });
}
