import { afterEach, expect, test } from 'vitest';
import { startRealPort, type RealPort, type RealPortOptions } from '../../test/support/real-port.ts';
import { unready } from './unready.ts';

const ports: RealPort[] = [];
afterEach(async () => {
  for (const port of ports.splice(0)) await port.stop();
});

/** `expected` undefined: the server is healthy. */
async function check(onRequest: NonNullable<RealPortOptions['onRequest']>, expected: RegExp | undefined): Promise<RealPort> {
  const real = await startRealPort({ onRequest });
  ports.push(real);
  expect(await unready(`https://127.0.0.1:${real.address.port}`, real.ca.certificate)).toEqual(
    expected === undefined ? undefined : expect.stringMatching(expected),
  );
  return real;
}

test('a server is healthy where its own port answers its /readyz with 200, and says why it is not', async () => {
  const other = await check(
    ({ url = '' }, response) => void response.writeHead(url === '/readyz' ? 200 : 404).end('ok'),
    undefined,
  );
  await check(
    (_, response) => void response.writeHead(500).end('[-]store failed: the disk is full\n'),
    /answers 500: \[-\]store failed: the disk is full$/,
  );
  await check((_, response) => void response.destroy(), /ask its \/readyz: /);
  await check((_, response) => void response.writeHead(200).write('o', () => response.destroy()), /read its \/readyz: /);
  const real = ports.at(-1);
  expect(await unready(`https://127.0.0.1:${real?.address.port}`, other.ca.certificate)).toMatch(
    /ask its \/readyz: .*certificate/,
  );
  await other.stop();
  expect(await unready(`https://127.0.0.1:${other.address.port}`, other.ca.certificate)).toMatch(/ECONNREFUSED/);
});
