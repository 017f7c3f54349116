import { sign, verify, type KeyObject } from 'node:crypto';
import { canonicalBytes } from './canonical.ts';

/**
 * The cluster's word that a node is its own: signed at the join, kept on the node. A server that has lost its database, but not its
 * keys, lets the node in again by it (src/server/join.ts). It is no secret: without the node's key it is worth nothing.
 */
export type Membership = {
  readonly cluster: string;
  readonly node: string;
  /** PEM, SubjectPublicKeyInfo. */
  readonly publicKey: string;
  /** It is the server's own node, which may have labels that are reserved. */
  readonly own?: true;
};

export type SignedMembership = { readonly membership: Membership; /** base64, Ed25519 */ readonly signature: string };

export function signMembership(membership: Membership, privateKey: KeyObject): SignedMembership {
  return { membership, signature: sign(null, membershipBytes(membership), privateKey).toString('base64') };
}

/** False for anything that is not this membership signed by that key; never throws. */
export function isSignedMembership({ membership, signature }: SignedMembership, publicKey: KeyObject): boolean {
  try {
    return verify(null, membershipBytes(membership), publicKey, Buffer.from(signature, 'base64'));
  } catch {
    return false;
  }
}

function membershipBytes({ cluster, node, publicKey, own }: Membership): Uint8Array {
  const said = { cluster, node, publicKey, ...(own === true ? { own } : {}) };
  return Buffer.concat([Buffer.from('skerry membership 1\n', 'utf8'), canonicalBytes(said)]);
}
