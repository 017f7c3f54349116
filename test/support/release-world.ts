import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto';
import { createReadStream, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';

/** Release folders as `npm run release` makes them, signed with keys of the test, and an HTTP server that can break off. */
export type TestKey = { readonly pem: string; readonly privateKey: KeyObject };

export function newTestKey(): TestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { pem: publicKey.export({ type: 'spki', format: 'pem' }).toString(), privateKey };
}

export function writeRelease(folder: string, executables: Readonly<Record<string, string | Uint8Array>>, key: TestKey): void {
  mkdirSync(folder, { recursive: true });
  const sums = Object.entries(executables).map(([version, bytes]) => {
    const packed = gzipSync(bytes, { level: 1 });
    const name = `skerry-${version}-linux-x64.gz`;
    writeFileSync(join(folder, name), packed);
    return `${createHash('sha256').update(packed).digest('hex')}  ${name}\n`;
  });
  writeSums(folder, sums.join(''), key);
}

export function writeSums(folder: string, sums: string, key: TestKey): void {
  writeFileSync(join(folder, 'SHA256SUMS'), sums);
  writeFileSync(join(folder, 'SHA256SUMS.sig'), sign(null, Buffer.from(sums), key.privateKey));
}

export type ReleaseServer = {
  readonly url: string;
  /** `GET /name` or `GET /name from 123`. */
  readonly requests: string[];
  /** The next answer with more bytes than this stops after so many, until it is broken off. */
  readonly stallAfter: (bytes: number) => void;
  /** Whether there was one to break off. */
  readonly breakOff: () => boolean;
  readonly stop: () => Promise<void>;
};

/** On loopback, where no other address is given. */
export async function serveRelease(folder: string, host = '127.0.0.1'): Promise<ReleaseServer> {
  const requests: string[] = [];
  let stallAfter = Infinity;
  let stalled: ServerResponse | undefined;
  const answer = (request: IncomingMessage, response: ServerResponse) => {
    const name = decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname.slice(1));
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0);
    requests.push(`GET /${name}${from === 0 ? '' : ` from ${from}`}`);
    const file = join(folder, name);
    const size = statSync(file, { throwIfNoEntry: false })?.size;
    if (size === undefined) return void response.writeHead(404).end('no such file');
    if (from > 0 && from >= size) return void response.writeHead(416).end();
    response.writeHead(from === 0 ? 200 : 206, { 'content-length': size - from });
    if (size - from <= stallAfter) return void createReadStream(file, { start: from }).pipe(response);
    response.write(readFileSync(file).subarray(from, from + stallAfter));
    stalled = response;
    stallAfter = Infinity;
  };
  const server: Server = createServer(answer);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  // It listens on a TCP port, as asked for.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://${host}:${port}`,
    requests,
    stallAfter: (bytes) => (stallAfter = bytes),
    breakOff: () => {
      const was = stalled;
      stalled = undefined;
      was?.destroy();
      return was !== undefined;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}
