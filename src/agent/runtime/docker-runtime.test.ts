import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { eventually } from '../../../test/support/eventually.ts';
import { createDockerRuntime } from './docker-runtime.ts';

/** An engine that goes silent, or away, in the middle of an answer: no real one can be made to. What engines do is held by the contract. */
let folder = '';
let server: Server | undefined;
let silent: ServerResponse | undefined;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'engine-'));
});
afterEach(() => {
  server?.closeAllConnections();
  server?.close();
  rmSync(folder, { recursive: true });
});

const never = new AbortController().signal;
const ANSWERS: readonly (readonly [RegExp, unknown])[] = [
  [/\/version$/, { ApiVersion: '1.41', Arch: 'amd64' }],
  [/\/info$/, { CgroupDriver: 'cgroupfs' }],
  [/\/containers\/x\/json$/, { Config: { Tty: true } }],
];

/** Paths that match get the head of an answer, `beginning`, and nothing more. */
async function engineSilentAt(path: RegExp, beginning: string) {
  // Node keeps connections to a path for later, also to an engine that is gone.
  const socketPath = join(mkdtempSync(join(folder, 'one-')), 'docker.sock');
  silent = undefined;
  server = createServer((request, response) => {
    request.resume();
    const answer = ANSWERS.find(([pattern]) => pattern.test(request.url ?? ''))?.[1];
    if (answer !== undefined) return response.end(JSON.stringify(answer));
    if (!path.test(request.url ?? '')) return response.writeHead(404).end('{"message":"no such thing"}');
    silent = response.writeHead(200);
    return response.write(beginning);
  });
  await new Promise<void>((resolve) => server?.listen(socketPath, resolve));
  const clock = manualClock();
  const runtime = createDockerRuntime({ socketPath, node: 'n', clock });
  return { clock, runtime };
}

type Silent = Awaited<ReturnType<typeof engineSilentAt>>;

/** How a call ends once the engine has begun its answer and `then` has happened. */
async function checkEnd(
  { path, beginning, call }: { path: RegExp; beginning: string; call: (engine: Silent) => Promise<unknown> },
  then: (engine: Silent) => Promise<void> | void,
  expected: string,
): Promise<void> {
  const engine = await engineSilentAt(path, beginning);
  let code: string | undefined;
  void call(engine).then(
    () => (code = 'ended'),
    (error: { code?: string }) => (code = error.code),
  );
  await eventually(() => silent, 'the engine has begun its answer');
  await eventually(async () => {
    await then(engine);
    return code;
  }, 'the call has ended');
  expect(code).toBe(expected);
  server?.closeAllConnections();
  await new Promise((resolve) => server?.close(resolve));
}

const drain = async (stream: AsyncIterable<Uint8Array>) => {
  for await (const _piece of stream);
};
const LOG = {
  path: /\/logs\?/,
  beginning: 'line\n',
  call: ({ runtime }: Silent) => drain(runtime.logs('x', { follow: false, timestamps: false }, never)),
};
const SPEC = {
  name: 'skr_POD_web_default_u_0',
  labels: { podUid: 'u', container: '', attempt: 0, sandboxAttempt: 0, hash: '' },
  hostname: 'web',
  hostNetwork: false,
  hostPid: false,
  hostIpc: false,
  sysctls: {},
  cpuShares: 2,
};
const LOAD = {
  path: /\/images\/load\?/,
  beginning: '{"stream":"Loading layer"}\n',
  call: ({ runtime }: Silent) => runtime.createSandbox(SPEC, never),
};
const PULL = {
  path: /\/images\/create\?/,
  beginning: '{"status":"Pulling from library/web"}\n',
  call: ({ runtime }: Silent) => runtime.pull('web:1', undefined, never),
};

test('an engine that goes silent in the middle of an answer is given up', async () => {
  const wait = ({ clock }: Silent) => clock.advance(120_000);
  await checkEnd(LOG, wait, 'EngineTimeout');
  await checkEnd(LOAD, wait, 'EngineTimeout');
  await checkEnd(PULL, wait, 'RegistryUnreachable');
});

test('an engine that goes away in the middle of an answer is told as such', async () => {
  const cut = () => void silent?.destroy();
  for (const call of [LOG, LOAD, PULL]) await checkEnd(call, cut, 'EngineAbsent');
});
