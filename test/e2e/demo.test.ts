import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import type { ChildProcess } from 'node:child_process';
import { afterAll, expect, test } from 'vitest';
import { start, tryRun, waitFor } from '../../scripts/lab/exec.ts';
import { kubectl } from '../support/kubectl.ts';
import { leftoversOf, podGroupsOf, presentGroups } from '../support/lab-leftovers.ts';

/** The demo takes away what it made, however it ends. Its story itself is told by story.test.ts. */

const DEMO = resolve(import.meta.dirname, '../../scripts/demo.ts');
const folder = mkdtempSync(join(tmpdir(), 'demo-'));
afterAll(() => rmSync(folder, { recursive: true }));

type Demo = { readonly process: ChildProcess; readonly id: string; readonly output: () => string };

/** Starts it with a kubectl that refuses `apply` if asked to. */
function startDemo(script = `exec ${kubectl('1.36')} "$@"`): Demo {
  const stand = join(folder, 'kubectl');
  writeFileSync(stand, `#!/bin/sh\n${script}\n`);
  chmodSync(stand, 0o755);
  const env = { ...process.env, PATH: [folder, process.env['PATH']].join(delimiter) };
  const child = start(process.execPath, [DEMO], { stdio: ['ignore', 'pipe', 'pipe'], env });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream?.on('data', (chunk: Buffer) => (output += chunk.toString()));
  return { process: child, id: ((child.pid ?? 0) % 0x10000).toString(16), output: () => output };
}

const reached = ({ output }: Demo, text: string) =>
  waitFor(`the demo to say "${text}"`, () => output().includes(text) || undefined, 60_000);
const ended = (demo: Demo) =>
  waitFor('the demo to end', () => demo.process.exitCode ?? undefined, 60_000).catch((error: unknown) => {
    throw new Error(demo.output(), { cause: error });
  });

async function checkNothingLeft({ id, output }: Demo, groups: readonly string[] = []): Promise<void> {
  expect(await leftoversOf(id), output()).toEqual([]);
  expect(presentGroups(groups)).toEqual([]);
}

test.each(['start a server', 'boot three edge nodes', 'apply a DaemonSet', 'roll out a new image', 'cut the link of one node'])(
  'stopped at a random moment after "%s", it takes away what it made',
  async (title) => {
    const demo = startDemo();
    await reached(demo, title);
    const delayMs = Math.round(Math.random() * 1_500);
    await new Promise((resolved) => setTimeout(resolved, delayMs));
    const groups = podGroupsOf(demo.id);
    demo.process.kill(title.startsWith('boot') ? 'SIGINT' : 'SIGTERM');
    // Whoever loses patience makes nothing worse.
    await reached(demo, 'clean up');
    demo.process.kill('SIGINT');
    expect(await ended(demo), `after ${delayMs} ms`).toBe(1);
    expect(demo.output()).toMatch(/demo: stopped by SIG(INT|TERM)/);
    await checkNothingLeft(demo, groups);
  },
);

test('when its own story fails it says where, and takes away what it made', async () => {
  const demo = startDemo(`case "$*" in *apply*) echo no such luck >&2; exit 1;; esac; exec ${kubectl('1.36')} "$@"`);
  expect(await ended(demo)).toBe(1);
  expect(demo.output()).toMatch(/demo: .*apply.*no such luck/);
  await checkNothingLeft(demo);
});

test('it has help, and refuses what it does not know', async () => {
  const ask = (flag: string) => tryRun(process.execPath, [DEMO, flag]);
  expect(await ask('--help')).toMatchObject({ code: 0, stdout: expect.stringContaining('npm run demo -- --keep') });
  expect(await ask('--kep')).toMatchObject({ code: 2, stderr: expect.stringContaining("Unknown option '--kep'") });
});

test('without root it says what it needs, and does nothing', async () => {
  // Who may still read the checkout, wherever it is.
  const reader = ['--inh-caps=+dac_read_search', '--ambient-caps=+dac_read_search'];
  const nobody = ['--reuid=65534', '--regid=65534', '--clear-groups', ...reader];
  const { code, stdout, stderr } = await tryRun('setpriv', [...nobody, process.execPath, DEMO]);
  expect([code, stderr]).toEqual([1, expect.stringMatching(/needs root[\s\S]*as root/)]);
  expect(stdout).not.toContain('start a server');
  const requirements = JSON.stringify(resolve(import.meta.dirname, '../../scripts/lab/requirements.ts'));
  const missing = `import(${requirements}).then(({ ensure }) => ensure([{ program: 'no-such', package: 'no-such-package' }], console.log))`;
  const refused = await tryRun('setpriv', [...nobody, process.execPath, '-e', missing]);
  expect(refused.stderr).toMatch(/Missing: no-such\. Install with:\n\s+apt-get install .*no-such-package/);
});
