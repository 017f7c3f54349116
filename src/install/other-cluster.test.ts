import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { certificateKeyHash } from '#net/tls/key-hash.ts';
import { newKey } from '#net/tls/certificates.ts';
import { selfSignedCertificate } from '#net/tls/node-certificate.ts';
import { systemIds } from '#lib/ids.ts';
import { refuseOtherCluster } from './other-cluster.ts';

const PIN = 'a'.repeat(64);
const CA = selfSignedCertificate('ca', newKey(), systemIds);
const tokenOf = (caKeyHash: string) => `skr1.${Buffer.from(caKeyHash, 'hex').toString('base64url')}.abcdefgh.${'x'.repeat(32)}`;
const OWN = tokenOf(certificateKeyHash(new X509Certificate(CA)));
const JOINED = { server: { host: '10.0.0.1', port: 6443 }, joined: { node: 'b1', serverKeyHashes: [PIN], ca: CA } };

type Asked = { readonly server?: string; readonly token?: string };

/** `shown`: the key at the server that is asked for; undefined: nobody may ask, none: nobody answers. `expected`: the code and parts of what is said. */
async function checkAsked(
  { server, token }: Asked,
  shown: string | undefined,
  expected: readonly string[],
  identity: unknown = JOINED,
): Promise<void> {
  const dataDir = mkdtempSync(join(tmpdir(), 'skerry-cluster-'));
  try {
    mkdirSync(join(dataDir, 'agent'));
    if (identity !== null) writeFileSync(join(dataDir, 'agent/identity.json'), JSON.stringify(identity));
    let asked = false;
    const keyOf = async () => {
      asked = true;
      if (shown === 'none') throw new SkerryError('Unreachable', 'connect to it');
      return shown;
    };
    const said = await refuseOtherCluster({ dataDir, usualDataDir: '/var/lib/skerry', server, token }, keyOf).then(
      () => '',
      (error: unknown) => (error instanceof SkerryError ? `${error.code}: ${error.message}` : String(error)),
    );
    expect([said === '', asked]).toEqual([expected.length === 0, shown !== undefined]);
    for (const part of expected) expect(said.replaceAll(dataDir, 'DIR')).toContain(part);
  } finally {
    rmSync(dataDir, { recursive: true });
  }
}

const WHO = 'this machine is node b1 of the cluster at https://10.0.0.1:6443';
const LEAVE = 'skerry reset --data-dir DIR`';

test('what a node has joined is not asked about, whatever token of its cluster is given, and whoever has joined nothing is asked nothing', async () => {
  await checkAsked({}, undefined, []);
  await checkAsked({ server: 'https://10.0.0.1', token: OWN }, undefined, []);
  await checkAsked({ server: 'https://other:6443', token: tokenOf(PIN) }, undefined, [], null);
  await checkAsked({ server: 'https://other:6443', token: tokenOf(PIN) }, undefined, [], { joined: {} });
});

test('a server that has moved is known by its key; another one, or one that can not be asked, is refused', async () => {
  await checkAsked({ server: 'https://moved:6443', token: OWN }, PIN, []);
  await checkAsked({ server: 'https://other:6443', token: OWN }, 'b'.repeat(64), [
    'OtherCluster: ',
    WHO,
    'https://other:6443 is another server',
    LEAVE,
    '--replace',
  ]);
  await checkAsked({ server: 'https://10.0.0.1:7443' }, 'none', ['Unreachable: ', WHO, 'nothing was changed']);
});

test('a token of another cluster is refused, whatever its server', async () => {
  await checkAsked({ server: 'https://10.0.0.1:6443', token: tokenOf(PIN) }, undefined, [
    'OtherCluster: ',
    WHO,
    'the token is of another cluster',
    LEAVE,
  ]);
});
