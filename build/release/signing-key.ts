import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** The key that a release is signed with. Where none is given, one of this checkout's own: what it signs is for trying out. */
export function signingKey(file: string | undefined, developmentFile: string, say: (text: string) => void): KeyObject {
  if (file !== undefined) return ed25519(createPrivateKey(readFileSync(file)), file);
  if (!existsSync(developmentFile)) {
    mkdirSync(dirname(developmentFile), { recursive: true });
    const { privateKey } = generateKeyPairSync('ed25519');
    writeFileSync(developmentFile, privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 });
  }
  say(
    `no --key: signing with ${developmentFile}, a key of this checkout. A release for others is signed with a key that is kept safe`,
  );
  return ed25519(createPrivateKey(readFileSync(developmentFile)), developmentFile);
}

/** PEM text of a public key file. */
export function publicKeyIn(file: string): string {
  return pemOf(ed25519(createPublicKey(readFileSync(file)), file));
}

export function pemOf(key: KeyObject): string {
  const open = key.type === 'private' ? createPublicKey(key) : key;
  return open.export({ type: 'spki', format: 'pem' }).toString();
}

function ed25519(key: KeyObject, file: string): KeyObject {
  if (key.asymmetricKeyType !== 'ed25519')
    throw new Error(`${file} holds a key of type ${key.asymmetricKeyType}: releases are signed with Ed25519`);
  return key;
}
