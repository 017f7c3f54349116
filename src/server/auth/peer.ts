import type { PeerCertificate, TLSSocket } from 'node:tls';
import type { NodeOf } from '#net/link/server.ts';
import { certificateKeyHash } from '#net/tls/key-hash.ts';
import { NODE_KEY_EXTRA } from '#api/link/leave.ts';
import { ANONYMOUS, type User } from '#rest/request.ts';

/** Who is at the other end of a TLS connection, as far as TLS itself has proven it. What they may do is authorize.ts. */
export type Peer =
  | { readonly type: 'user'; readonly user: User; /** The end of its certificate. */ readonly untilMs: number }
  | { readonly type: 'node'; readonly node: string; readonly keyHash: string }
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
    const untilMs = Date.parse(x509.validTo);
    const user = nowMs < untilMs ? userIn(socket.getPeerCertificate()) : undefined;
    return user === undefined ? { type: 'anonymous' } : { type: 'user', user, untilMs };
  }
  const keyHash = certificateKeyHash(x509);
  const found = nodeOf(keyHash);
  return 'node' in found ? { type: 'node', node: found.node, keyHash } : { type: 'anonymous' };
}

/** As the API sees them. A node's key makes nobody a user; it goes beside, for the one path that asks for it (leave.ts). */
export function userOf(peer: Peer): User {
  switch (peer.type) {
    case 'user':
      return peer.user;
    case 'node':
      return { ...ANONYMOUS, extra: { [NODE_KEY_EXTRA]: [peer.keyHash] } };
    case 'anonymous':
      return ANONYMOUS;
  }
}

/** Kubernetes' X.509 users: the common name is the name, organisations are groups. */
function userIn({ subject }: PeerCertificate): User | undefined {
  const name = listOf(subject.CN)[0];
  if (name === undefined || name === '') return undefined;
  return { name, groups: [...listOf(subject.O), 'system:authenticated'] };
}

function listOf(value: string | readonly string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return typeof value === 'string' ? [value] : value;
}
