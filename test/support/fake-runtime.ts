import { normalizeReference } from '#agent/images/reference.ts';
import type { ObservedContainer, ObservedImage } from '#agent/plan/observed.ts';
import { podOfName, type Owner } from '#agent/runtime/labels.ts';
import type { ContainerSpec, LogOptions, PodLabels, Runtime, RuntimeEvent } from '#agent/runtime/runtime.ts';
import { sleep, type Clock } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * A container engine in memory, driven by a Clock, held to the real one's behaviour by runtime-contract.ts. Its programs are a few words of shell: `sleep S`,
 * `echo TEXT`, `exit N`, `trap` (ends with 0 on SIGTERM; without it, SIGTERM is not heard, as by any pid 1), joined by `;`. Faults are set from outside.
 */
export type FakeEngine = {
  /** The engine as one node's agent sees it. */
  readonly runtime: (node: string, ranHere?: Owner['ranHere']) => Runtime;
  readonly addImage: (reference: string) => void;
  /** What a registry would serve; pulled images are added. */
  readonly registry: Map<string, 'present' | 'denied' | 'unreachable'>;
  fault: Fault | undefined;
  /** Why a sandbox, once made, can not be started. */
  sandboxFault: string | undefined;
  /** `<container name>: <command>` → how such a command ends, in place of what its words say. */
  readonly execCodes: Map<string, number>;
  /** Called before and after each call takes effect; what it throws, the caller gets. */
  onCall: (call: string, when: 'before' | 'after') => void;
  /** Every start of a container that took place, by container name, in order. */
  readonly starts: readonly string[];
  readonly containers: () => readonly ObservedContainer[];
  /** The program ends by itself; a container is meant by its name or its id. */
  readonly exit: (name: string, exitCode: number, oomKilled?: boolean) => void;
  /** All power goes: what ran is dead (255), event streams break. */
  readonly powerCut: () => void;
  readonly logText: (name: string) => string;
};

export type Fault = { readonly type: 'absent' } | { readonly type: 'hang' } | { readonly type: 'slow'; readonly delayMs: number };

/** How long a call may hang before it counts as EngineTimeout. */
export const FAKE_TIMEOUT_MS = 15_000;
const KILLED = 137;

type Program = {
  readonly traps: boolean;
  readonly lines: readonly string[];
  readonly exitCode: number | undefined;
  readonly sleepMs: number | undefined;
};

type Container = {
  readonly id: string;
  readonly name: string;
  readonly node: string;
  readonly labels: PodLabels;
  readonly image: string;
  readonly stopGraceSeconds: number;
  readonly program: Program;
  readonly log: { readonly atMs: number; readonly text: string }[];
  state: ObservedContainer['state'];
  pid: number;
  exitCode: number;
  oomKilled: boolean;
  error: string;
  startedWallMs: number | undefined;
  finishedWallMs: number | undefined;
  ended: (() => void)[];
};

export function createFakeEngine(clock: Clock): FakeEngine {
  const containers = new Map<string, Container>();
  const images = new Map<string, ObservedImage>();
  const listeners = new Set<{ readonly owner: Owner; readonly push: (event: RuntimeEvent | undefined) => void }>();
  const starts: string[] = [];
  let serial = 0;

  const engine: FakeEngine = {
    runtime: (node, ranHere = () => false) => runtimeOf(node, ranHere),
    addImage: (reference) => addImage(reference),
    registry: new Map(),
    fault: undefined,
    sandboxFault: undefined,
    execCodes: new Map(),
    onCall: () => undefined,
    starts,
    containers: () => [...containers.values()].map(observe),
    exit: (name, exitCode, oomKilled = false) => end(byName(name), exitCode, oomKilled),
    powerCut: () => {
      for (const container of containers.values()) if (container.state === 'running') die(container, 255, false);
      for (const listener of listeners) listener.push(undefined);
      listeners.clear();
    },
    logText: (name) =>
      byName(name)
        .log.map(({ text }) => text)
        .join(''),
  };

  const addImage = (reference: string) => {
    serial += 1;
    const image: ObservedImage = { id: `sha256:${String(serial).padStart(64, '0')}`, sizeBytes: 1_000_000 };
    images.set(normalizeReference(reference), image);
    images.set(image.id, image);
    for (const { push } of listeners) push({ type: 'image' });
  };

  const byName = (name: string): Container => {
    const found = [...containers.values()].find((container) => container.name === name || container.id === name);
    if (found === undefined)
      throw new Error(`no container ${name} among ${[...containers.values()].map((one) => one.name).join(', ')}`);
    return found;
  };

  const byId = (id: string): Container => {
    const container = containers.get(id);
    if (container === undefined) throw new SkerryError('NotFound', `no such container: ${id}`);
    return container;
  };

  const isOurs = (owner: Owner, { node, labels }: Pick<Container, 'node' | 'labels'>) =>
    owner.node === node || owner.ranHere(labels.podUid);

  const say = (container: Container, change: 'started' | 'died' | 'other') => {
    const { podUid } = container.labels;
    const event = { type: 'container', podUid, id: container.id, change } as const;
    for (const { owner, push } of listeners) if (isOurs(owner, container)) push(event);
  };

  const die = (container: Container, exitCode: number, oomKilled: boolean) => {
    container.state = 'exited';
    container.pid = 0;
    container.exitCode = exitCode;
    container.oomKilled = oomKilled;
    container.finishedWallMs = clock.now();
    for (const ended of container.ended.splice(0)) ended();
  };

  const end = (container: Container, exitCode: number, oomKilled = false) => {
    if (container.state !== 'running') return;
    die(container, exitCode, oomKilled);
    say(container, 'died');
  };

  const launch = (container: Container) => {
    starts.push(container.name);
    container.state = 'running';
    serial += 1;
    container.pid = 1000 + serial;
    container.startedWallMs = clock.now();
    for (const line of container.program.lines) container.log.push({ atMs: clock.now(), text: `${line}\n` });
    say(container, 'started');
    const { exitCode, sleepMs } = container.program;
    if (sleepMs !== undefined) clock.timer(sleepMs, () => end(container, exitCode ?? 0));
    else if (exitCode !== undefined) end(container, exitCode);
  };

  /** One call: its faults, its hooks, its effect. */
  const call = async <T>(name: string, signal: AbortSignal, effect: () => T | Promise<T>): Promise<T> => {
    await Promise.resolve();
    const fault = engine.fault;
    if (fault?.type === 'absent') throw new SkerryError('EngineAbsent', `${name}: no container engine answers`);
    if (fault?.type === 'hang') {
      await sleep(clock, FAKE_TIMEOUT_MS, signal);
      throw new SkerryError('EngineTimeout', `${name}: the container engine did not answer within ${FAKE_TIMEOUT_MS / 1000} s`);
    }
    if (fault?.type === 'slow') await sleep(clock, fault.delayMs, signal);
    if (signal.aborted) throw new SkerryError('Aborted', `${name}: given up`);
    engine.onCall(name, 'before');
    const result = await effect();
    engine.onCall(name, 'after');
    return result;
  };

  const make = (
    node: string,
    spec: Pick<ContainerSpec, 'name' | 'labels' | 'image' | 'stopGraceSeconds'>,
    program: Program,
    error: string,
  ) => {
    const existing = [...containers.values()].find(({ name }) => name === spec.name);
    if (existing !== undefined) return existing.id;
    serial += 1;
    const id = serial.toString(16).padStart(64, '0');
    const { name, labels, image, stopGraceSeconds } = spec;
    const fresh = {
      state: 'created',
      pid: 0,
      exitCode: 0,
      oomKilled: false,
      startedWallMs: undefined,
      finishedWallMs: undefined,
    } as const;
    containers.set(id, { id, name, node, labels, image, stopGraceSeconds, program, log: [], error, ended: [], ...fresh });
    return id;
  };

  const runtimeOf = (node: string, ranHere: Owner['ranHere']): Runtime => ({
    where: 'unix:///fake.sock',
    info: (signal) =>
      call('info', signal, () => ({
        name: 'docker',
        version: '20.10.24',
        apiVersion: '1.41',
        architecture: 'amd64',
        cgroupDriver: 'cgroupfs',
        cpus: 2,
        memoryBytes: 4 * 1024 ** 3,
      })),
    list: (podUid, signal) =>
      call('list', signal, () =>
        [...containers.values()]
          .filter(
            (container) => isOurs({ node, ranHere }, container) && (podUid === undefined || container.labels.podUid === podUid),
          )
          .map(observe),
      ),
    images: (signal) => call('images', signal, () => new Map(images)),
    inspectImage: (image, signal) =>
      call('inspectImage', signal, () => {
        const found = images.get(normalizeReference(image));
        if (found === undefined) throw new SkerryError('NotFound', `no such image: ${image}`);
        return { id: found.id, user: '', sizeBytes: found.sizeBytes };
      }),
    pull: (image, _auth, signal) =>
      call('pull', signal, () => {
        const served = engine.registry.get(image) ?? 'unreachable';
        if (served === 'unreachable')
          throw new SkerryError('RegistryUnreachable', `Get "https://registry/v2/": dial tcp: no such host`);
        if (served === 'denied')
          throw new SkerryError('PullFailed', `pull access denied for ${image}, repository does not exist`);
        addImage(image);
      }),
    createSandbox: (spec, signal) =>
      call('createSandbox', signal, () => {
        const pause: Program = { traps: true, lines: [], exitCode: undefined, sleepMs: undefined };
        const id = make(node, { ...spec, image: 'pause', stopGraceSeconds: 30 }, pause, '');
        const sandbox = byId(id);
        if (sandbox.state === 'running') return id;
        if (engine.sandboxFault !== undefined) {
          sandbox.error = engine.sandboxFault;
          sandbox.exitCode = 128;
          throw new SkerryError('StartFailed', sandbox.error);
        }
        launch(sandbox);
        return id;
      }),
    createContainer: (spec, signal) =>
      call('createContainer', signal, () => {
        if (!images.has(normalizeReference(spec.image))) throw new SkerryError('NotFound', `no such image: ${spec.image}`);
        return make(node, spec, parseProgram([...(spec.entrypoint ?? []), ...(spec.command ?? [])]), '');
      }),
    start: (id, signal) =>
      call('start', signal, () => {
        const container = byId(id);
        if (container.state === 'running') return;
        if (container.program.lines.includes('missing')) {
          container.error = 'exec: "missing": executable file not found in $PATH';
          container.exitCode = 127;
          throw new SkerryError('StartFailed', container.error);
        }
        launch(container);
      }),
    signalContainer: (id, name, signal) =>
      call('signalContainer', signal, () => {
        const container = containers.get(id);
        if (container?.state !== 'running') return;
        if (name === 'SIGKILL') end(container, KILLED);
        else if (container.program.traps) end(container, 0);
      }),
    remove: (id, signal) =>
      call('remove', signal, () => {
        const container = containers.get(id);
        if (container === undefined) return;
        end(container, KILLED);
        containers.delete(id);
        say(container, 'other');
      }),
    removePodTraces: (_podUid, signal) => call('removePodTraces', signal, () => undefined),
    removeOwnImages: (signal) => call('removeOwnImages', signal, () => []),
    exec: (id, command, { timeoutMs, outputBytesMax }, signal) =>
      call('exec', signal, async () => {
        const { name, state } = byId(id);
        if (state !== 'running') throw new SkerryError('Conflict', `Container ${id} is not running`);
        if (command[0] === 'missing')
          return { type: 'exited', exitCode: 126, output: 'exec: "missing": executable file not found in $PATH' };
        const program = parseProgram(command);
        const exitCode = engine.execCodes.get(`${name}: ${command.join(' ')}`) ?? program.exitCode;
        const takesMs = exitCode === undefined ? Infinity : (program.sleepMs ?? 0);
        if (takesMs > 0) await sleep(clock, Math.min(takesMs, timeoutMs), signal);
        if (signal.aborted) throw new SkerryError('Aborted', 'exec: given up');
        if (exitCode === undefined || takesMs >= timeoutMs) return { type: 'timed-out' };
        const output = program.lines.map((line) => `${line}\n`).join('');
        return { type: 'exited', exitCode, output: output.slice(0, outputBytesMax) };
      }),
    logs: (id, options, signal) => logsOf(id, options, signal),
    events: (signal) => eventsOf({ node, ranHere }, signal),
  });

  async function* logsOf(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    const container = await call('logs', signal, () => byId(id));
    let sent = options.tailLines === undefined ? 0 : Math.max(0, container.log.length - options.tailLines);
    for (;;) {
      for (; sent < container.log.length; sent += 1) {
        const line = container.log[sent];
        if (line === undefined || line.atMs < (options.sinceMs ?? 0)) continue;
        const time = options.timestamps ? `${new Date(line.atMs).toISOString().replace('Z', '000000Z')} ` : '';
        yield Buffer.from(`${time}${line.text}`);
      }
      if (!options.follow || container.state !== 'running' || signal.aborted) return;
      await new Promise<void>((resolve) => {
        container.ended.push(resolve);
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
    }
  }

  async function* eventsOf(owner: Owner, signal: AbortSignal): AsyncGenerator<RuntimeEvent> {
    await call('events', signal, () => undefined);
    const queue: (RuntimeEvent | undefined)[] = [];
    let wake = (): void => undefined;
    const push = (event: RuntimeEvent | undefined) => {
      queue.push(event);
      wake();
    };
    const listener = { owner, push };
    listeners.add(listener);
    const stop = () => push(undefined);
    signal.addEventListener('abort', stop, { once: true });
    try {
      yield { type: 'listening' };
      for (;;) {
        if (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve));
        if (queue.length === 0) continue;
        const event = queue.shift();
        if (event === undefined) {
          if (signal.aborted) return;
          throw new SkerryError('EngineAbsent', 'listen to the engine: it broke off');
        }
        yield event;
      }
    } finally {
      listeners.delete(listener);
      signal.removeEventListener('abort', stop);
    }
  }

  return engine;
}

function observe(container: Container): ObservedContainer {
  const { labels, startedWallMs, finishedWallMs } = container;
  return {
    id: container.id,
    ...podOfName(container.name),
    podUid: labels.podUid,
    name: labels.container,
    attempt: labels.attempt,
    sandboxAttempt: labels.sandboxAttempt,
    hash: labels.hash,
    state: container.state,
    pid: container.pid,
    exitCode: container.exitCode,
    oomKilled: container.oomKilled,
    error: container.error,
    ...(startedWallMs === undefined ? {} : { startedWallMs }),
    ...(finishedWallMs === undefined ? {} : { finishedWallMs }),
    image: container.image,
    imageId: `sha256:${container.image}`,
    stopGraceMs: container.stopGraceSeconds * 1000,
  };
}

/** Words outside the few known ones run for ever, silently. */
function parseProgram(command: readonly string[]): Program {
  if (command[0] === 'missing') return { traps: false, lines: ['missing'], exitCode: undefined, sleepMs: undefined };
  const script = command[0] === 'sh' && command[1] === '-c' ? (command[2] ?? '') : command.join(' ');
  const steps = script.split(';').map((step) => step.trim());
  const exit = steps.map((step) => /^exit (\d+)$/.exec(step)?.[1]).find((code) => code !== undefined);
  const nap = steps.map((step) => /^sleep (\d+(?:\.\d+)?)$/.exec(step)?.[1]).find((time) => time !== undefined);
  const loops = steps.some((step) => step.startsWith('while '));
  const exitCode = loops
    ? undefined
    : exit === undefined
      ? nap === undefined && steps.every(isQuick)
        ? 0
        : nap === undefined
          ? undefined
          : 0
      : Number(exit);
  return {
    traps: script.includes('trap '),
    lines: steps.flatMap((step) => (step.startsWith('echo ') ? [step.slice(5)] : [])),
    exitCode,
    sleepMs: nap === undefined || loops ? undefined : Number(nap) * 1000,
  };
}

function isQuick(step: string): boolean {
  return step.startsWith('echo ') || step === 'true' || step === '';
}
