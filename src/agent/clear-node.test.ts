import { expect, test } from 'vitest';
import { SkerryError } from '#lib/error.ts';
import { createFakeHost } from '../../test/support/fake-host.ts';
import { manualClock, type ManualClock } from '../../test/support/manual-clock.ts';
import type { Clearing } from '#net/wire/clear.ts';
import { GRACE_MS_MAX, clearAway } from './clear-node.ts';
import { containerName } from './runtime/labels.ts';

const { signal } = new AbortController();

/** A machine with an engine, its links and rules; what is told of it are names. */
function startMachine() {
  const clock = manualClock();
  const { engine } = createFakeHost(clock, 'n1');
  engine.addImage('app');
  const links = new Map<string, string>();
  const told: string[] = [];
  const rules = new Set(['nft table skerry']);
  const clearing: Clearing = {
    links: async (keep) => {
      const names = [...links].filter(([, uid]) => !keep.has(uid)).map(([name]) => name);
      for (const name of names) links.delete(name);
      return names;
    },
    rules: async () => [...rules].filter((rule) => rules.delete(rule)),
    forwarding: async () => 'not ours',
  };
  const run = async (node: string, uid: string, program: string, stopGraceSeconds = 1) => {
    const runtime = engine.runtime(node);
    const labels = { podUid: uid, container: '', attempt: 0, sandboxAttempt: 0, hash: '' };
    const pod = { uid, namespace: 'default', name: uid };
    const sandbox = { labels, hostname: uid, hostNetwork: false, hostPid: false, hostIpc: false, sysctls: {}, cpuShares: 2 };
    const sandboxId = await runtime.createSandbox({ ...sandbox, name: containerName(pod, '', 0) }, signal);
    links.set(`skr-${uid}`, uid);
    const spec = {
      name: containerName(pod, 'a', 0),
      labels: { ...labels, container: 'a' },
      sandboxId,
      image: 'app',
      entrypoint: ['sh', '-c', program],
      environment: [],
      groups: [],
      mounts: [],
      readOnlyRoot: false,
      privileged: false,
      capabilitiesAdded: [],
      capabilitiesDropped: [],
      securityOptions: [],
      unmaskedProc: false,
      pid: 'own',
      hostIpc: false,
      resources: { cpuShares: 2, cpuQuotaMicros: 0, memoryBytes: 0, oomScoreAdj: 0 },
      tty: false,
      stdin: false,
      stdinOnce: false,
      stopGraceSeconds,
    } as const;
    await runtime.start(await runtime.createContainer(spec, signal), signal);
  };
  const clear = (ranHere: (uid: string) => boolean = () => false) => {
    const runtimes = { ours: engine.runtime('n1', ranHere), all: engine.runtime('n1', () => true) };
    const tmpfs = { unmountAll: async () => ['/data/agent/pods/a/secrets'] };
    const parts = { ...runtimes, clearing, tmpfs, podsDir: '/data/agent/pods', clock, tell: (text: string) => told.push(text) };
    return passing(clock, clearAway(parts, signal));
  };
  const pods = () => [...new Set(engine.containers().map(({ podUid }) => podUid))];
  return { clock, engine, links, rules, run, clear, pods, told };
}

/** Lets time pass until it is done. */
async function passing<T>(clock: ManualClock, work: Promise<T>): Promise<T> {
  let over = false;
  const done = work.finally(() => (over = true));
  for (let steps = 0; !over && steps < 1_000; steps += 1) await clock.advance(100);
  return done;
}

test('everything of this node goes, whatever it was called when it made it; a second time there is nothing', async () => {
  const machine = startMachine();
  await machine.run('n1', 'one', 'trap; sleep 1000');
  await machine.run('old-name', 'two', 'trap; sleep 1000');
  const ranHere = (uid: string) => uid === 'two';
  expect(await machine.clear(ranHere)).toEqual({
    removed: ['4 containers of 2 pods', '2 network links with addresses and routes', 'nft table skerry', '1 mount of memory'],
    left: [],
  });
  expect(machine.pods()).toEqual([]);
  expect((await machine.clear(ranHere)).removed).toEqual(['1 mount of memory']);
});

test('what another node has made stays, with its links and the rules, and is told', async () => {
  const machine = startMachine();
  await machine.run('n1', 'mine', 'trap; sleep 1000');
  await machine.run('n2', 'theirs', 'trap; sleep 1000');
  const { removed, left } = await machine.clear();
  expect(removed).toEqual(['2 containers of 1 pod', '1 network link with addresses and routes', '1 mount of memory']);
  expect(left).toMatchObject([{ what: expect.stringContaining('2 containers (pods theirs)') }]);
  expect(machine.pods()).toEqual(['theirs']);
  expect([...machine.links.values()]).toEqual(['theirs']);
  expect(machine.rules.size).toBe(1);
});

test('a container that does not listen is killed when its grace is over, an hour’s grace ends after ours', async () => {
  for (const [graceSeconds, ms] of [
    [5, 5_000],
    [3_600, GRACE_MS_MAX],
  ] as const) {
    const machine = startMachine();
    await machine.run('n1', 'deaf', 'sleep 100000', graceSeconds);
    const startedMs = machine.clock.monotonic();
    await machine.clear();
    const tookMs = machine.clock.monotonic() - startedMs;
    expect(tookMs).toBeGreaterThanOrEqual(ms);
    expect(tookMs).toBeLessThan(ms + 1_000);
    expect(machine.pods()).toEqual([]);
  }
});

test('whoever waits is told for how long at most, and each time that pods have stopped', async () => {
  const machine = startMachine();
  await machine.run('n1', 'quick', 'trap x; sleep 1000', 3_600);
  await machine.run('n1', 'slow', 'sleep 100000', 5);
  await machine.run('n1', 'deaf', 'sleep 100000', 3_600);
  await machine.clear();
  expect(machine.told).toEqual([
    'stopping 6 containers of 3 pods (up to 30 s)',
    '1 of 3 pods stopped',
    '2 of 3 pods stopped',
    '3 of 3 pods stopped',
  ]);
});

test('where the engine is away the rest is done, and what is left is told', async () => {
  const machine = startMachine();
  await machine.run('n1', 'one', 'trap; sleep 1000');
  machine.engine.fault = { type: 'absent' };
  const { removed, left } = await machine.clear();
  expect(left).toMatchObject([
    { what: expect.stringContaining('unix:///fake.sock'), why: expect.stringContaining('no container engine') },
  ]);
  expect(removed).toEqual(['1 network link with addresses and routes', 'nft table skerry', '1 mount of memory']);
  machine.engine.fault = undefined;
  expect((await machine.clear()).removed[0]).toBe('2 containers of 1 pod');
});

test('a container that can not be removed keeps no other from going', async () => {
  const machine = startMachine();
  for (const uid of ['one', 'two']) await machine.run('n1', uid, 'trap; sleep 1000');
  let refusals = 1;
  machine.engine.onCall = (call, when) => {
    if (call === 'remove' && when === 'before' && (refusals -= 1) >= 0) throw new SkerryError('EngineRefused', 'device is busy');
  };
  const { removed, left } = await machine.clear();
  expect(removed[0]).toBe('3 containers of 2 pods');
  expect(left).toMatchObject([{ what: expect.stringMatching(/^container a of pod one /), why: 'device is busy' }]);
  expect(machine.rules.size).toBe(1);
  expect((await machine.clear()).left).toEqual([]);
  expect(machine.rules.size).toBe(0);
});
