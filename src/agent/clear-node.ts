import { realpath } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep, type Clock } from '#lib/clock.ts';
import { explain } from '#lib/error.ts';
import { createClearing, type Clearing } from '#net/wire/clear.ts';
import { holdNode, type HeldNode } from './held-node.ts';
import type { ObservedContainer } from './plan/observed.ts';
import { createDockerRuntime } from './runtime/docker-runtime.ts';
import type { Runtime } from './runtime/runtime.ts';
import { createTmpfs, type Tmpfs } from './volumes/tmpfs.ts';

/**
 * Takes away what this node's agent has made on its machine: containers, their links, rules and mounts. What others have made is never touched, nor
 * are hostPath folders, images that were pulled, and the data folder itself. Can be made again until nothing is left; what one step can
 * not do keeps no other from being done.
 */
export type ClearNodeOptions = {
  readonly dataDir: string;
  /** Path of the engine's socket. */
  readonly docker: string;
  /** Also containers that a skerry agent made as another node: for a machine that is to run none any more. */
  readonly anyNode?: boolean;
  readonly clock: Clock;
  /** What is being done, for people who wait. */
  readonly tell: (text: string) => void;
};

export type Cleared = {
  /** For people, each a noun: `4 containers of 2 pods`. */
  readonly removed: readonly string[];
  readonly left: readonly { readonly what: string; readonly why: string }[];
};

/** Of which node it was; undefined where this machine had joined no cluster. */
export type ClearedNode = Cleared & { readonly node: string | undefined };

/** However patient a pod is: nobody waits an hour at a terminal. */
export const GRACE_MS_MAX = 30_000;
const LOOK_EVERY_MS = 200;
const REMOVALS_AT_ONCE = 8;

/** Rejects with InUse where an agent is running on this data folder. */
export async function clearNode(options: ClearNodeOptions, signal: AbortSignal): Promise<ClearedNode> {
  const held = holdNode(options);
  try {
    return { ...(await clearHeldNode(held, options, signal)), node: held.node };
  } finally {
    held.release();
  }
}

/** The same for whoever holds the node already. */
export async function clearHeldNode(held: HeldNode, options: ClearNodeOptions, signal: AbortSignal): Promise<Cleared> {
  const { docker: socketPath, anyNode = false, clock, dataDir } = options;
  const node = held.node ?? '';
  const all = createDockerRuntime({ socketPath, node, ranHere: () => true, clock });
  const ours = anyNode ? all : createDockerRuntime({ socketPath, node, ranHere: held.ranHere, clock });
  const agentDir = join(await realpath(dataDir).catch(() => dataDir), 'agent');
  return clearAway(
    { ...options, ours, all, clearing: createClearing(), tmpfs: createTmpfs(), podsDir: join(agentDir, 'pods') },
    signal,
  );
}

export type ClearParts = Pick<ClearNodeOptions, 'clock' | 'tell'> & {
  /** As this node's agent sees the engine. */
  readonly ours: Runtime;
  /** As an agent would that is every node. */
  readonly all: Runtime;
  readonly clearing: Clearing;
  readonly tmpfs: Pick<Tmpfs, 'unmountAll'>;
  readonly podsDir: string;
};

export async function clearAway(parts: ClearParts, signal: AbortSignal): Promise<Cleared> {
  const { all, ours, clearing, tmpfs, podsDir } = parts;
  const removed: string[] = [];
  const left: { readonly what: string; readonly why: string }[] = [];
  const attempt = async <T>(what: string, act: () => Promise<T>): Promise<T | undefined> => {
    signal.throwIfAborted();
    try {
      return await act();
    } catch (error) {
      signal.throwIfAborted();
      left.push({ what, why: explain(error) });
      return undefined;
    }
  };

  const containers = await attempt(`the containers of this node (the engine at ${all.where})`, () =>
    removeContainers(parts, attempt, signal),
  );
  if (containers !== undefined && containers.count > 0)
    removed.push(`${counted(containers.count, 'container')} of ${counted(containers.pods, 'pod')}`);
  // Where the engine does not answer nobody knows of any; this machine has one agent as a rule.
  const here = async () => ({ all: await all.list(undefined, signal), ours: await ours.list(undefined, signal) });
  const still = containers === undefined ? undefined : await attempt('what is left on the engine', here);
  const remaining = still?.all ?? [];
  left.push(...strangers(remaining.filter(({ id }) => still?.ours.every((own) => own.id !== id))));
  if (containers !== undefined && remaining.length === 0)
    removed.push(
      ...((await attempt('the image of sandboxes', () => all.removeOwnImages(signal))) ?? []).map((name) => `image ${name}`),
    );

  const links = await attempt('links of pods', () => clearing.links(new Set(remaining.map(({ podUid }) => podUid)), signal));
  if (links !== undefined && links.length > 0) removed.push(`${counted(links.length, 'network link')} with addresses and routes`);
  if (remaining.length === 0) {
    const forwarding = await attempt('IP forwarding', () => clearing.forwarding(signal));
    if (forwarding === 'turned off') removed.push('IP forwarding, which was off before');
    removed.push(...((await attempt('the network rules', () => clearing.rules(signal))) ?? []));
  }
  const mounts = await attempt('mounts of memory', () => tmpfs.unmountAll(podsDir));
  if (mounts !== undefined && mounts.length > 0) removed.push(`${counted(mounts.length, 'mount')} of memory`);
  return { removed, left };
}

type Attempt = <T>(what: string, act: () => Promise<T>) => Promise<T | undefined>;

/** With the grace their pods were given, up to ours; sandboxes last, which hold their network. */
async function removeContainers(
  { ours, clock, tell }: ClearParts,
  attempt: Attempt,
  signal: AbortSignal,
): Promise<{ readonly count: number; readonly pods: number }> {
  const found = await ours.list(undefined, signal);
  const pods = [...new Set(found.map(({ podUid }) => podUid))];
  const apps = found.filter(({ name }) => name !== '');
  const running = apps.filter(isRunning);
  const seconds = Math.ceil(Math.max(0, ...running.map(graceMsOf)) / 1_000);
  const patience = seconds === 0 ? '' : ` (up to ${seconds} s)`;
  if (found.length > 0) tell(`stopping ${counted(found.length, 'container')} of ${counted(pods.length, 'pod')}${patience}`);
  await stop(running, { ours, clock, tell }, signal);
  let count = 0;
  for (const part of [apps, found.filter(({ name }) => name === '')])
    for (let from = 0; from < part.length; from += REMOVALS_AT_ONCE)
      await Promise.all(
        part.slice(from, from + REMOVALS_AT_ONCE).map(async ({ id, podName, name }) =>
          attempt(`container ${name === '' ? 'POD' : name} of pod ${podName} (${id.slice(0, 12)})`, async () => {
            await ours.remove(id, signal);
            count += 1;
          }),
        ),
      );
  for (const uid of pods) await attempt(`the control group of pod ${uid}`, () => ours.removePodTraces(uid, signal));
  return { count, pods: pods.length };
}

async function stop(
  running: readonly ObservedContainer[],
  { ours: runtime, clock, tell }: Pick<ClearParts, 'ours' | 'clock' | 'tell'>,
  signal: AbortSignal,
): Promise<void> {
  const sinceMs = clock.monotonic();
  const graceMs = new Map(running.map((container) => [container.id, graceMsOf(container)]));
  const pods = podsOf(running);
  let ended = 0;
  // One that can not be asked is killed when its time is up.
  await Promise.all(running.map(({ id }) => runtime.signalContainer(id, undefined, signal).catch(() => undefined)));
  while (graceMs.size > 0) {
    const alive = new Set((await runtime.list(undefined, signal)).filter(isRunning).map(({ id }) => id));
    for (const [id, ms] of graceMs) if (!alive.has(id) || clock.monotonic() - sinceMs >= ms) graceMs.delete(id);
    const now = pods.size - podsOf(running.filter(({ id }) => graceMs.has(id))).size;
    if (now > ended) tell(`${now} of ${counted(pods.size, 'pod')} stopped`);
    ended = now;
    if (graceMs.size > 0) await sleep(clock, LOOK_EVERY_MS, signal);
    signal.throwIfAborted();
  }
}

const graceMsOf = ({ stopGraceMs }: ObservedContainer): number => Math.min(stopGraceMs, GRACE_MS_MAX);

const podsOf = (containers: readonly ObservedContainer[]): ReadonlySet<string> => new Set(containers.map(({ podUid }) => podUid));

const isRunning = ({ state }: ObservedContainer): boolean => state === 'running';

function strangers(theirs: readonly ObservedContainer[]): Cleared['left'] {
  if (theirs.length === 0) return [];
  const pods = [...new Set(theirs.map(({ podName }) => podName))].join(', ');
  return [
    {
      what: `${counted(theirs.length, 'container')} (pods ${pods}), and the network rules they live by`,
      why: 'they were made by an agent of another name, or by one whose data is not in this folder',
    },
  ];
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
