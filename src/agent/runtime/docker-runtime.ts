import type { Clock } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { createGate } from '#lib/gate.ts';
import { runCommand } from '#net/wire/command.ts';
import type { ObservedContainer } from '../plan/observed.ts';
import { podCgroup, removePodCgroup, setPodCpuShares } from './cgroup.ts';
import { containerBody, parseContainer, sandboxBody, type DockerSettings } from './docker-container.ts';
import { CALL_MS_MAX, QUICK_CALL_MS_MAX, createEngine, field, list, number, text, type Engine } from './docker-engine.ts';
import { runExec } from './docker-exec.ts';
import { inspectImage, listImages, loadImage, pullImage, removeImages } from './docker-images.ts';
import { withoutFrames } from './docker-logs.ts';
import { engineStream } from './engine-stream.ts';
import { readJsonLines } from './json-lines.ts';
import { NODE_LABEL, POD_LABEL, asLabels, readLabels, type Owner } from './labels.ts';
import { PAUSE_REPOSITORY, pauseImage } from './pause-image.ts';
import { createRunningContainers, type RunningContainers } from './running-containers.ts';
import type { ContainerSpec, EngineInfo, LogOptions, Runtime, RuntimeEvent, SandboxSpec } from './runtime.ts';

/** Pods on Docker (API 1.41 and up), or whatever answers like it at the socket. Does not decide anything. */
export type DockerRuntimeOptions = {
  readonly socketPath: string;
  /** Containers of other nodes' agents on the same engine are not ours. */
  readonly node: string;
  /** See labels.ts; absent: none but those that bear its name. */
  readonly ranHere?: Owner['ranHere'];
  readonly clock: Clock;
  /** Under which the pods' control groups stand. */
  readonly cgroupParent?: string;
};

/** An answer has the whole environment of its container: half a megabyte where there are a thousand services, and several times that while it is read. */
const INSPECTS_AT_ONCE = 2;

export function createDockerRuntime(options: DockerRuntimeOptions): Runtime {
  const { node, ranHere = () => false, clock, cgroupParent = '/skerry' } = options;
  const owner = { node, ranHere };
  const gate = createGate(INSPECTS_AT_ONCE);
  const running = createRunningContainers();
  const engine = createEngine(options);
  let known: { readonly info: EngineInfo; readonly pause: string } | undefined;
  let networkDisabled = true;

  const info = (signal: AbortSignal) => readInfo(engine, signal);

  const look = async (id: string, signal: AbortSignal): Promise<ObservedContainer | undefined> => {
    const leave = await gate.enter();
    try {
      const asked = running.ask(id);
      const found = await inspect(engine, id, signal);
      const container = found === undefined ? undefined : parseContainer(owner, found);
      if (container !== undefined) running.note(container, asked);
      return container;
    } finally {
      leave();
    }
  };

  /** What stays the same while the engine does: asked once, and again after an image was found missing. */
  const settings = async (signal: AbortSignal): Promise<DockerSettings & { readonly pause: string; readonly driver: string }> => {
    known ??= await readKnown(engine, clock, signal);
    const driver = known.info.cgroupDriver;
    return { node, pause: known.pause, driver, cgroupParent: (podUid) => podCgroup(driver, cgroupParent, podUid) };
  };

  const createSandbox = async (spec: SandboxSpec, signal: AbortSignal): Promise<string> => {
    const attempt = async () => {
      const set = await settings(signal);
      return create(engine, spec.name, sandboxBody(spec, set.pause, set, networkDisabled), signal);
    };
    const id = await attempt().catch((error: unknown) => {
      if (hasCode(error, 'NotFound')) known = undefined;
      // An engine that will not make a container without its own network gets to make one with none.
      else if (networkDisabled && hasCode(error, 'EngineRefused')) networkDisabled = false;
      else throw error;
      return attempt();
    });
    await start(engine, id, signal);
    await setPodCpuShares((await settings(signal)).driver, cgroupParent, spec.labels.podUid, spec.cpuShares);
    return id;
  };

  return {
    where: `unix://${options.socketPath}`,
    info,
    list: async (podUid, signal) => {
      const listed = await listContainers(engine, owner, podUid, signal);
      const found = await Promise.all(
        listed.map(async ({ id, isRunning }) => (isRunning ? running.known(id) : undefined) ?? look(id, signal)),
      );
      return found.filter((container) => container !== undefined);
    },
    images: (signal) => listImages(engine, signal),
    inspectImage: (image, signal) => inspectImage(engine, image, signal),
    pull: (image, auth, signal) => pullImage(engine, clock, image, auth, signal),
    createSandbox,
    createContainer: async (spec: ContainerSpec, signal) =>
      create(engine, spec.name, containerBody(spec, await settings(signal)), signal),
    start: (id, signal) => start(engine, id, signal),
    signalContainer: (id, name, signal) => signalContainer(engine, id, name, signal),
    remove: (id, signal) => remove(engine, id, signal),
    removePodTraces: async (podUid, signal) => {
      const { driver } = await settings(signal);
      await removePodCgroup({ driver, parent: cgroupParent, run: runCommand }, podUid, signal);
    },
    removeOwnImages: (signal) => removeImages(engine, PAUSE_REPOSITORY, signal),
    exec: (id, command, execOptions, signal) => runExec(engine, clock, { id, command, ...execOptions }, signal),
    logs: (id, logOptions, signal) => logs(engine, clock, id, logOptions, signal),
    events: (signal) => events(engine, clock, owner, running, signal),
  };
}

async function readInfo(engine: Engine, signal: AbortSignal): Promise<EngineInfo> {
  const ask = (what: string, path: string) => engine.call({ what, method: 'GET', path, timeoutMs: QUICK_CALL_MS_MAX }, signal);
  const [version, info] = await Promise.all([
    ask('ask the engine for its version', '/version'),
    ask('ask the engine about itself', '/info'),
  ]);
  const isPodman = list(field(version, 'Components')).some((part) => text(field(part, 'Name')).includes('Podman'));
  return {
    name: isPodman ? 'podman' : 'docker',
    version: text(field(version, 'Version')),
    apiVersion: text(field(version, 'ApiVersion')),
    architecture: text(field(version, 'Arch')),
    cgroupDriver: text(field(info, 'CgroupDriver')),
    cpus: number(field(info, 'NCPU')),
    memoryBytes: number(field(info, 'MemTotal')),
  };
}

/** Sees that the sandbox image is there; its id is the engine's answer, for engines differ in what an id is. */
async function readKnown(
  engine: Engine,
  clock: Clock,
  signal: AbortSignal,
): Promise<{ readonly info: EngineInfo; readonly pause: string }> {
  const info = await readInfo(engine, signal);
  const { reference, archive } = pauseImage(info.architecture);
  const present = await inspectImage(engine, reference, signal).catch((error: unknown) => {
    if (hasCode(error, 'NotFound')) return undefined;
    throw error;
  });
  if (present !== undefined) return { info, pause: present.id };
  await loadImage(engine, clock, archive, 'load the sandbox image', signal);
  return { info, pause: (await inspectImage(engine, reference, signal)).id };
}

async function listContainers(engine: Engine, owner: Owner, podUid: string | undefined, signal: AbortSignal) {
  const label = [NODE_LABEL, ...(podUid === undefined ? [] : [`${POD_LABEL}=${podUid}`])];
  const query = { all: '1', filters: JSON.stringify({ label }) };
  const request = {
    what: 'list containers',
    method: 'GET',
    path: '/containers/json',
    query,
    timeoutMs: QUICK_CALL_MS_MAX,
  } as const;
  return list(await engine.call(request, signal))
    .filter((entry) => readLabels(owner, asLabels(field(entry, 'Labels'))) !== undefined)
    .map((entry) => ({ id: text(field(entry, 'Id')), isRunning: field(entry, 'State') === 'running' }));
}

/** The engine's own words; undefined where it is gone. */
async function inspect(engine: Engine, id: string, signal: AbortSignal): Promise<unknown> {
  const request = {
    what: `inspect container ${id}`,
    method: 'GET',
    path: `/containers/${id}/json`,
    timeoutMs: QUICK_CALL_MS_MAX,
  } as const;
  try {
    return await engine.call(request, signal);
  } catch (error) {
    if (hasCode(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function create(engine: Engine, name: string, body: unknown, signal: AbortSignal): Promise<string> {
  try {
    const answer = await engine.call(
      { what: `create container ${name}`, method: 'POST', path: '/containers/create', query: { name }, body },
      signal,
    );
    return text(field(answer, 'Id'));
  } catch (error) {
    if (!hasCode(error, 'Conflict')) throw error;
    // Made by an earlier run of ours that did not live to hear the answer: names are given to one attempt of one pod only.
    const existing = await engine.call(
      { what: `inspect container ${name}`, method: 'GET', path: `/containers/${name}/json` },
      signal,
    );
    return text(field(existing, 'Id'));
  }
}

async function start(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  try {
    await engine.call(
      { what: `start container ${id}`, method: 'POST', path: `/containers/${id}/start`, accepts: [204, 304] },
      signal,
    );
  } catch (error) {
    if (!hasCode(error, 'EngineRefused', 'Conflict', 'NotFound')) throw error;
    const message = error.message.replace(`start container ${id}: `, '');
    throw new SkerryError('StartFailed', message, { details: error.details });
  }
}

async function signalContainer(engine: Engine, id: string, name: string | undefined, signal: AbortSignal): Promise<void> {
  const what = `stop container ${id}`;
  const own = name ?? (await stopSignalOf(engine, id, signal));
  try {
    await engine.call(
      { what, method: 'POST', path: `/containers/${id}/kill`, query: { signal: own }, timeoutMs: QUICK_CALL_MS_MAX },
      signal,
    );
  } catch (error) {
    // Gone, or not running: what was wanted.
    if (!hasCode(error, 'NotFound', 'Conflict')) throw error;
  }
}

async function stopSignalOf(engine: Engine, id: string, signal: AbortSignal): Promise<string> {
  return text(field(field(await inspect(engine, id, signal), 'Config'), 'StopSignal')) || 'SIGTERM';
}

async function remove(engine: Engine, id: string, signal: AbortSignal): Promise<void> {
  const request = {
    what: `remove container ${id}`,
    method: 'DELETE',
    path: `/containers/${id}`,
    query: { force: '1', v: '1' },
  } as const;
  try {
    await engine.call(request, signal);
  } catch (error) {
    // 409: its removal is under way already.
    if (!hasCode(error, 'NotFound', 'Conflict')) throw error;
  }
}

async function* logs(
  engine: Engine,
  clock: Clock,
  id: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const inspected = await inspect(engine, id, signal);
  const query = {
    stdout: '1',
    stderr: '1',
    follow: options.follow ? '1' : '0',
    timestamps: options.timestamps ? '1' : '0',
    ...(options.tailLines === undefined ? {} : { tail: String(options.tailLines) }),
    ...(options.sinceMs === undefined ? {} : { since: (options.sinceMs / 1000).toFixed(3) }),
  };
  const what = `read the log of ${id}`;
  const response = await engine.stream({ what, method: 'GET', path: `/containers/${id}/logs`, query }, signal);
  // A container that is followed may have nothing to say for days.
  const silenceMs = options.follow ? undefined : CALL_MS_MAX;
  const stream = engineStream(response, { what, silenceMs, clock }, signal);
  yield* field(field(inspected, 'Config'), 'Tty') === true ? stream : withoutFrames(stream);
}

/** What changes the state of a container, or which images there are. */
const EVENTS = [
  'create',
  'start',
  'die',
  'destroy',
  'pause',
  'unpause',
  'oom',
  'tag',
  'untag',
  'delete',
  'load',
  'pull',
  'import',
];

function changeOf(action: unknown): 'started' | 'died' | 'other' {
  return action === 'start' ? 'started' : action === 'die' ? 'died' : 'other';
}

async function* events(
  engine: Engine,
  clock: Clock,
  owner: Owner,
  running: RunningContainers,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent> {
  const filters = { type: ['container', 'image'], event: EVENTS };
  const query = { filters: JSON.stringify(filters) };
  const what = 'listen to the engine';
  const stream = await engine.stream({ what, method: 'GET', path: '/events', query, timeoutMs: QUICK_CALL_MS_MAX }, signal);
  try {
    running.listening();
    yield { type: 'listening' };
    for await (const event of readJsonLines(engineStream(stream, { what, silenceMs: undefined, clock }, signal))) {
      const attributes = field(field(event, 'Actor'), 'Attributes');
      if (field(event, 'Type') === 'image') yield { type: 'image' };
      else {
        const labels = readLabels(owner, asLabels(attributes));
        if (labels === undefined) continue;
        const { podUid } = labels;
        const id = text(field(field(event, 'Actor'), 'ID'));
        running.heard(id);
        yield { type: 'container', podUid, id, change: changeOf(field(event, 'Action')) };
      }
    }
  } finally {
    running.deaf();
    stream.destroy();
  }
}
