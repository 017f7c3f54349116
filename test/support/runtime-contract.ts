import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ObservedContainer } from '#agent/plan/observed.ts';
import { containerName, type Owner } from '#agent/runtime/labels.ts';
import type { ContainerSpec, ExecOptions, ExecResult, LogOptions, Runtime, SandboxSpec } from '#agent/runtime/runtime.ts';

/** What every container engine must do for the agent: the same tests over the fake and over a real Docker. */
export type ContractSetup = {
  readonly runtime: (node: string, ranHere?: Owner['ranHere']) => Runtime;
  /** Present on the engine, with a shell. */
  readonly image: string;
  /** Lets time pass until a condition holds, or fails after a while. */
  readonly until: (condition: () => Promise<boolean>, what: string) => Promise<void>;
  readonly stop: () => Promise<void>;
};

const NODE = 'node-1';
/** Runs until it is told to end, and does so with 0. */
const OBEDIENT = 'trap "exit 0" TERM; echo up; while true; do sleep 1 & wait; done';
const STUBBORN = 'echo up; while true; do sleep 1; done';

export function runtimeContract(name: string, prepare: () => Promise<ContractSetup>): void {
  describe(`runtime contract: ${name}`, () => {
    let setup: ContractSetup;
    let runtime: Runtime;
    let serial = 0;
    const { signal } = new AbortController();

    beforeAll(async () => {
      setup = await prepare();
      runtime = setup.runtime(NODE);
    });
    afterAll(() => setup.stop());

    const newPod = async () => {
      serial += 1;
      const uid = `uid-${serial}`;
      const sandboxId = await runtime.createSandbox(sandbox(uid), signal);
      return { uid, sandboxId };
    };
    const newContainer = async (script: string, change: Partial<ContainerSpec> = {}) => {
      const pod = await newPod();
      const id = await runtime.createContainer({ ...container(pod.uid, pod.sandboxId, setup.image, script), ...change }, signal);
      return { ...pod, id };
    };
    const find = async (uid: string, id: string): Promise<ObservedContainer | undefined> =>
      (await runtime.list(uid, signal)).find((one) => one.id === id);
    const untilState = (uid: string, id: string, state: ObservedContainer['state']) =>
      setup.until(async () => (await find(uid, id))?.state === state, `${id} to be ${state}`);
    const readLog = async (id: string, options: Partial<LogOptions> = {}) => {
      let text = '';
      const all = { follow: false, timestamps: false, ...options };
      for await (const piece of runtime.logs(id, all, signal)) text += Buffer.from(piece).toString();
      return text;
    };

    test('tells what it is', async () => {
      const info = await runtime.info(signal);
      expect(info.architecture).toMatch(/^(amd64|arm64)$/);
      expect(Number(info.apiVersion.split('.')[1])).toBeGreaterThanOrEqual(41);
      expect(info.cpus).toBeGreaterThan(0);
    });

    test('a sandbox runs, and ordering it again gives the same one', async () => {
      const { uid, sandboxId } = await newPod();
      const again = await runtime.createSandbox(sandbox(uid), signal);
      expect(again).toBe(sandboxId);
      const [only, ...others] = await runtime.list(uid, signal);
      expect(others).toEqual([]);
      expect(only).toMatchObject({
        id: sandboxId,
        podUid: uid,
        name: '',
        state: 'running',
        podName: 'web',
        namespace: 'default',
      });
      expect(only?.pid).toBeGreaterThan(0);
    });

    test('a container is created, started once however often it is asked for, and listed with its labels', async () => {
      const { uid, id, sandboxId } = await newContainer(OBEDIENT);
      expect(await find(uid, id)).toMatchObject({ state: 'created', error: '', exitCode: 0 });
      await runtime.start(id, signal);
      await runtime.start(id, signal);
      const again = await runtime.createContainer(container(uid, sandboxId, setup.image, OBEDIENT), signal);
      expect(again).toBe(id);
      expect(await find(uid, id)).toMatchObject({ state: 'running', name: 'app', attempt: 0, hash: '1:abc', stopGraceMs: 7000 });
    });

    test('containers of other nodes are not seen', async () => {
      const { uid } = await newPod();
      expect(await setup.runtime('node-2').list(undefined, signal)).toEqual([]);
      expect((await runtime.list(undefined, signal)).some((one) => one.podUid === uid)).toBe(true);
    });

    test('containers that ran here under another name of the node are seen, and heard of', async () => {
      const { uid, sandboxId } = await newPod();
      const stop = new AbortController();
      const renamed = setup.runtime('node-2', (podUid) => podUid === uid);
      expect((await renamed.list(undefined, signal)).map(({ podUid, id }) => [podUid, id])).toEqual([[uid, sandboxId]]);
      const heard: string[] = [];
      const listening = (async () => {
        for await (const event of renamed.events(stop.signal)) heard.push(event.type === 'container' ? event.podUid : event.type);
      })().catch(() => undefined);
      await setup.until(async () => heard.includes('listening'), 'the engine to be heard');
      await newPod();
      await renamed.remove(sandboxId, signal);
      await setup.until(async () => heard.includes(uid), 'the removal to be heard of');
      stop.abort();
      await listening;
      expect(heard.filter((what) => what !== 'listening' && what !== uid)).toEqual([]);
    });

    test('an exit is told with its code and times', async () => {
      // Of what ends at once an engine that is busy writes down the start after the end.
      const { uid, id } = await newContainer('echo hello; sleep 1; exit 3');
      await runtime.start(id, signal);
      await untilState(uid, id, 'exited');
      const found = await find(uid, id);
      expect(found).toMatchObject({ exitCode: 3, oomKilled: false, pid: 0 });
      expect(found?.startedWallMs).toBeGreaterThan(0);
      expect(found?.finishedWallMs).toBeGreaterThanOrEqual(found?.startedWallMs ?? Infinity);
    });

    test('what cannot be started says so and keeps why', async () => {
      const { uid, id } = await newContainer('', { entrypoint: ['missing'], command: [] });
      await expect(runtime.start(id, signal)).rejects.toMatchObject({ code: 'StartFailed' });
      const found = await find(uid, id);
      expect(found).toMatchObject({ state: 'created', exitCode: 127 });
      expect(found?.error).toContain('missing');
    });

    test('an image that is not there is NotFound', async () => {
      const { uid, sandboxId } = await newPod();
      const spec = container(uid, sandboxId, 'registry.invalid/nothing:1', 'true');
      await expect(runtime.createContainer(spec, signal)).rejects.toMatchObject({ code: 'NotFound' });
      await expect(runtime.inspectImage('registry.invalid/nothing:1', signal)).rejects.toMatchObject({ code: 'NotFound' });
    });

    test('a pull from nowhere is RegistryUnreachable', async () => {
      await expect(runtime.pull('registry.invalid:5000/nothing:1', undefined, signal)).rejects.toMatchObject({
        code: 'RegistryUnreachable',
      });
    });

    test('images are listed by normalised name and by id', async () => {
      const images = await runtime.images(signal);
      const { id } = await runtime.inspectImage(setup.image, signal);
      expect(images.get(`docker.io/library/${setup.image}`)?.id).toBe(id);
      expect(images.get(id)?.id).toBe(id);
    });

    test('SIGTERM ends what hears it, SIGKILL the rest; either is harmless to the dead', async () => {
      const obedient = await newContainer(OBEDIENT);
      const stubborn = await newContainer(STUBBORN);
      for (const { id } of [obedient, stubborn]) await runtime.start(id, signal);
      for (const { id } of [obedient, stubborn])
        await setup.until(async () => (await readLog(id)).includes('up'), 'the program to be up');
      for (const { id } of [obedient, stubborn]) await runtime.signalContainer(id, undefined, signal);
      await untilState(obedient.uid, obedient.id, 'exited');
      expect((await find(obedient.uid, obedient.id))?.exitCode).toBe(0);
      expect((await find(stubborn.uid, stubborn.id))?.state).toBe('running');
      await runtime.signalContainer(stubborn.id, 'SIGKILL', signal);
      await untilState(stubborn.uid, stubborn.id, 'exited');
      expect((await find(stubborn.uid, stubborn.id))?.exitCode).toBe(137);
      await runtime.signalContainer(stubborn.id, 'SIGKILL', signal);
      await runtime.signalContainer('f'.repeat(64), undefined, signal);
    });

    test('removing takes away what runs, and what is gone already', async () => {
      const { uid, id, sandboxId } = await newContainer(STUBBORN);
      await runtime.start(id, signal);
      for (const one of [id, sandboxId, id]) await runtime.remove(one, signal);
      expect(await runtime.list(uid, signal)).toEqual([]);
      await runtime.removePodTraces(uid, signal);
    });

    test('a command runs in a container: its code and its output, cut; one that is slow is given up; one that is missing fails', async () => {
      const { id } = await newContainer(OBEDIENT);
      const options = { timeoutMs: 5_000, outputBytesMax: 100 };
      await expect(runtime.exec(id, ['true'], options, signal)).rejects.toMatchObject({ code: 'Conflict' });
      await runtime.start(id, signal);
      const run = (command: readonly string[], change: Partial<ExecOptions> = {}) =>
        runtime.exec(id, command, { ...options, ...change }, signal);
      expect(await run(['sh', '-c', 'echo fine'])).toEqual({ type: 'exited', exitCode: 0, output: 'fine\n' });
      expect(await run(['sh', '-c', 'echo bad; exit 3'])).toEqual({ type: 'exited', exitCode: 3, output: 'bad\n' });
      const long = await run(['sh', '-c', `echo ${'x'.repeat(1_000)}`]);
      expect(long).toEqual({ type: 'exited', exitCode: 0, output: 'x'.repeat(100) });
      expect(await run(['missing'])).toMatchObject({ type: 'exited', exitCode: 126, output: expect.stringContaining('missing') });
      let slow: ExecResult | undefined;
      void run(['sh', '-c', 'sleep 60'], { timeoutMs: 200 }).then((result) => (slow = result));
      await setup.until(async () => slow !== undefined, 'the command to be given up');
      expect(slow).toEqual({ type: 'timed-out' });
    });

    test('a log is read whole, by its end, and with times', async () => {
      const { uid, id } = await newContainer('echo one; echo two; echo three');
      await runtime.start(id, signal);
      await untilState(uid, id, 'exited');
      expect(await readLog(id)).toBe('one\ntwo\nthree\n');
      expect(await readLog(id, { tailLines: 1 })).toBe('three\n');
      expect(await readLog(id, { timestamps: true })).toMatch(/^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z \w+\n){3}$/);
    });

    test('following a log ends with the container', async () => {
      const { id } = await newContainer('echo begun; sleep 0.5; exit 0');
      await runtime.start(id, signal);
      const following = readLog(id, { follow: true });
      let text: string | undefined;
      void following.then((read) => (text = read));
      await setup.until(async () => text !== undefined, 'the log to end');
      expect(text).toBe('begun\n');
    });

    test('events name the pod that something happened to', async () => {
      const abort = new AbortController();
      const seen = new Set<string>();
      const changes: string[] = [];
      let listens = false;
      const listening = (async () => {
        for await (const event of runtime.events(abort.signal)) {
          if (event.type === 'listening') listens = true;
          if (event.type !== 'container') continue;
          seen.add(event.podUid);
          changes.push(`${event.id} ${event.change}`);
        }
      })();
      await setup.until(async () => listens, 'the listening to begin');
      const { uid } = await newPod();
      await setup.until(async () => seen.has(uid), 'the event of a start');
      const { id } = await newContainer('exit 1');
      await runtime.start(id, signal);
      await setup.until(async () => changes.includes(`${id} died`), 'the event of a death');
      expect(changes.filter((change) => change.startsWith(id) && !change.endsWith('other'))).toEqual([
        `${id} started`,
        `${id} died`,
      ]);
      abort.abort();
      await listening;
    });

    test('an abort ends a call', async () => {
      const abort = new AbortController();
      abort.abort();
      await expect(runtime.list(undefined, abort.signal)).rejects.toMatchObject({ code: 'Aborted' });
    });
  });
}

function sandbox(uid: string): SandboxSpec {
  return {
    name: containerName({ uid, namespace: 'default', name: 'web' }, '', 0),
    labels: { podUid: uid, container: '', attempt: 0, sandboxAttempt: 0, hash: '' },
    hostname: 'web',
    hostNetwork: false,
    hostPid: false,
    hostIpc: false,
    sysctls: {},
    cpuShares: 512,
  };
}

function container(uid: string, sandboxId: string, image: string, script: string): ContainerSpec {
  return {
    name: containerName({ uid, namespace: 'default', name: 'web' }, 'app', 0),
    labels: { podUid: uid, container: 'app', attempt: 0, sandboxAttempt: 0, hash: '1:abc' },
    sandboxId,
    image,
    entrypoint: ['sh', '-c', script],
    command: [],
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
    stopGraceSeconds: 7,
  };
}
