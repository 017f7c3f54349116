import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { readFileSync, existsSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Serves the files of a folder on loopback, as somebody's web server would, and as a bad one on demand. */
export type ReleaseServer = {
  readonly url: string;
  /** Request lines, in order: a proxy is asked for whole URLs. */
  readonly asked: readonly string[];
  /** Files are cut off after so many bytes, though their length is told. */
  cutAfterBytes: number | undefined;
  readonly close: () => Promise<void>;
};

/** `port`: one that it had before. */
export async function serveRelease(folder: string, port = 0): Promise<ReleaseServer> {
  const asked: string[] = [];
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    const url = request.url ?? '';
    asked.push(url);
    const file = join(folder, new URL(url, 'http://localhost').pathname.split('/').at(-1) ?? '');
    if (!existsSync(file)) return void response.writeHead(404).end();
    const bytes = readFileSync(file);
    response.writeHead(200, { 'content-length': bytes.length });
    const cut = served.cutAfterBytes;
    if (cut === undefined || cut >= bytes.length) return void response.end(bytes);
    response.write(bytes.subarray(0, cut), () => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  // Sound: it listens on a port, not a path.
  const address = server.address() as AddressInfo;
  const served: ReleaseServer = {
    url: `http://127.0.0.1:${address.port}`,
    asked,
    cutAfterBytes: undefined,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return served;
}
