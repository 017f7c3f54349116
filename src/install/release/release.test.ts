import { expect, test } from 'vitest';
import { newTestKey } from '../../../test/support/release-world.ts';
import { sign } from 'node:crypto';
import { architectureOf, chooseFile, parseReleaseFile, parseSums } from './release-files.ts';
import { verifySums } from './signature.ts';

const HEX = 'a'.repeat(64);

test('the names of a release carry version and architecture', () => {
  expect(parseReleaseFile('skerry-0.2.0-rc.1-linux-arm64.gz')).toMatchObject({ version: '0.2.0-rc.1', architecture: 'arm64' });
  for (const other of ['skerry-0.2.0-linux-armv7.gz', 'skerry-0.2-linux-x64.gz', 'skerry-../x-linux-x64.gz', 'install.sh', ''])
    expect([other, parseReleaseFile(other)]).toEqual([other, undefined]);
  expect(() => architectureOf('linux/arm')).toThrow(/linux\/arm: there are only/);
});

test('sums are read line by line, and what is none is refused', () => {
  const names = (text: string) => parseSums(text).map(({ name, sha256 }) => `${name} ${sha256.length}`);
  expect(names(`${HEX}  skerry-0.2.0-linux-x64.gz\n${HEX} *sbom.cdx.json\n`)).toEqual(['skerry-0.2.0-linux-x64.gz 64']);
  for (const bad of [`${HEX} skerry-0.2.0-linux-x64.gz`, `${HEX}  ../skerry-0.2.0-linux-x64.gz`, 'x', `${HEX.slice(1)}  a`])
    expect(() => parseSums(bad)).toThrow(/is no sum/);
});

test('the newest is chosen, or what is asked for; what is not there is told with what is', () => {
  const sums = parseSums(
    ['0.9.0', '0.10.0', '0.10.0-rc.1'].map((version) => `${HEX}  skerry-${version}-linux-x64.gz\n`).join(''),
  );
  expect(chooseFile(sums, 'x64', undefined).version).toBe('0.10.0');
  expect(chooseFile(sums, 'x64', '0.9.0').version).toBe('0.9.0');
  expect(() => chooseFile(sums, 'arm64', undefined)).toThrow(
    /find skerry for arm64 in the release: there is only skerry-0\.9\.0-linux-x64/,
  );
  expect(() => chooseFile([], 'x64', '1.0.0')).toThrow(/no executable/);
});

test('a signature is good if the present key or the next one made it over just these bytes', () => {
  const [present, next, other] = [newTestKey(), newTestKey(), newTestKey()];
  const sums = Buffer.from(`${HEX}  x\n`);
  const keys = [present.pem, next.pem];
  verifySums(sums, sign(null, sums, present.privateKey), keys);
  verifySums(sums, sign(null, sums, next.privateKey), keys);
  const check = (signature: Uint8Array, trusted: readonly string[], why: RegExp, signed: Uint8Array = sums) => {
    expect(() => verifySums(signed, signature, trusted)).toThrow(why);
  };
  check(sign(null, sums, other.privateKey), keys, /not signed by any of the 2 keys/);
  check(sign(null, sums, present.privateKey), keys, /not signed by any/, Buffer.from(`${HEX}  y\n`));
  check(sign(null, sums, present.privateKey), [], /not built as a release/);
  check(new Uint8Array(63), keys, /has 63 bytes/);
});
