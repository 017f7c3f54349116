import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { NodeOf } from '#net/link/server.ts';
import { certificateKeyHash } from '#net/tls/key-hash.ts';
import type { User } from '#rest/change.ts';

/** Who is at the other end of a TLS connection, as far as TLS itself has proven it. What they may do is authorize.ts. */
export type Peer =
  | { readonly type: 'user'; readonly user: User }
  | { readonly type: 'node'; readonly node: string }
  | { readonly type: 'anonymous' };

/**
 * A user only if the TLS layer says that the certificate is valid, which with our CA as the only one means that we issued it: no error code
 * is ever tolerated, for a self-signed certificate that has also expired reports only that (measured). A resumed session
 * was checked when it began, so its dates are looked at again here. A node by its key alone.
 */
export function peerOf(socket: TLSSocket, { nodeOf, nowMs }: { readonly nodeOf: NodeOf; readonly nowMs: number }): Peer {
  const x509 = socket.getPeerX509Certificate();
  if (x509 === undefined) return { type: 'anonymous' };
  if (socket.authorized === true) {
    const user = nowMs < Date.parse(x509.validTo) ? userOf(socket.getPeerCertificate()) : undefined;
    return user === undefined ? { type: 'anonymous' } : { type: 'user', user };
  }
  const found = nodeOf(certificateKeyHash(x509));
  return 'node' in found ? { type: 'node', node: found.node } : { type: 'anonymous' };
}

/** Kubernetes' X.509 users: the common name is the name, organisations are groups. */
function userOf({ subject }: PeerCertificate): User | undefined {
  const name = listOf(subject.CN)[0];
  if (name === undefined || name === '') return undefined;
  return { name, groups: [...listOf(subject.O), 'system:authenticated'] };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
