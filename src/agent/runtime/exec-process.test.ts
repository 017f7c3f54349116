import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { killExec } from './exec-process.ts';

/** Real processes, told of by a /proc of the test's making: control groups and pid namespaces take root, and an engine. */
type Told = { readonly parent?: number; readonly pids?: readonly number[]; readonly group?: string };

const CONTAINER = 'c'.repeat(64);

/** Which of the processes are ended for a command that the engine knows by `pid`. */
async function checkKilled(
  tell: (pids: readonly number[]) => readonly Told[],
  pid: (pids: readonly number[]) => number,
  expected: string,
) {
  const children = ['a', 'b', 'c'].map(() => spawn('sleep', ['60'], { stdio: 'ignore' }));
  const pids = children.map((child) => child.pid ?? 0);
  const ended = children.map((child) => new Promise<void>((resolve) => void child.once('exit', () => resolve())));
  const proc = await mkdtemp(join(tmpdir(), 'skerry-proc-'));
  await mkdir(join(proc, 'sys'));
  for (const [index, { parent = 1, pids: inside = [], group = CONTAINER }] of tell(pids).entries()) {
    const own = pids[index] ?? 0;
    await mkdir(join(proc, String(own)));
    await writeFile(join(proc, String(own), 'cgroup'), `4:memory:/skerry/pod1/${group}\n`);
    await writeFile(
      join(proc, String(own), 'status'),
      `Name:\tsleep\nPPid:\t${parent}\nNSpid:\t${[own, ...inside].join('\t')}\n`,
    );
  }
  await killExec(pid(pids), CONTAINER, proc);
  await Promise.all(ended.filter((_, index) => expected.includes('abc'[index] ?? '?')));
  // What was killed has ended by now; what has not ended was sent nothing.
  const alive = children.filter(({ signalCode }) => signalCode === null);
  expect(children.map(({ signalCode }, index) => (signalCode === null ? '' : 'abc'[index])).join('')).toBe(expected);
  for (const child of alive) child.kill('SIGKILL');
  await rm(proc, { recursive: true });
}

test('the command and what it has started are ended, and nothing else of its container', async () => {
  await checkKilled(
    ([a = 0]) => [{ pids: [20] }, { parent: a, pids: [21] }, { pids: [1] }],
    ([a = 0]) => a,
    'ab',
  );
  await checkKilled(
    ([a = 0, b = 0]) => [{ pids: [20] }, { parent: a }, { parent: b }],
    ([a = 0]) => a,
    'abc',
  );
});

test('a pid that is another container’s by now, or is only the container’s own count, ends nothing', async () => {
  await checkKilled(
    () => [{ group: 'd'.repeat(64) }, {}, {}],
    ([a = 0]) => a,
    '',
  );
  await checkKilled(
    () => [{ pids: [77] }, {}, {}],
    () => 77,
    '',
  );
  await checkKilled(
    () => [{}, {}, {}],
    () => 0,
    '',
  );
  await checkKilled(
    () => [{}, {}, {}],
    () => 1,
    '',
  );
});

test('an engine in a pid namespace of its own counts otherwise', async () => {
  await checkKilled(
    () => [{ pids: [777, 20] }, { pids: [778, 777] }, {}],
    () => 777,
    'a',
  );
});
