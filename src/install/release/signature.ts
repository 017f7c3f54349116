import { createPublicKey, verify } from 'node:crypto';
import { SkerryError } from '#lib/error.ts';
import { SIGNATURE_FILE, SUMS_FILE } from './release-files.ts';

/** Ed25519, raw. */
const SIGNATURE_BYTES = 64;

/** Throws Unverified, with why, unless one of these keys (PEM: the present one and the next) has signed just these bytes. */
export function verifySums(sums: Uint8Array, signature: Uint8Array, keys: readonly string[]): void {
  const refuse = (why: string) => new SkerryError('Unverified', `verify the release: ${why}`);
  if (keys.length === 0)
    throw refuse(
      'this program was not built as a release and knows no key that releases are signed with; install one with install.sh',
    );
  if (signature.length !== SIGNATURE_BYTES)
    throw refuse(`${SIGNATURE_FILE} has ${signature.length} bytes, and a signature ${SIGNATURE_BYTES}`);
  if (keys.some((key) => verify(null, sums, createPublicKey(key), signature))) return;
  throw refuse(
    `${SUMS_FILE} is not signed by any of the ${keys.length} keys that this program trusts: it was changed, or is another's`,
  );
}
