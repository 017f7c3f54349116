import { holdProcess, sleep } from '#lib/clock.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import type { Discovery } from '../client/discovery.ts';
import { listPages, withQuery } from '../client/list-pages.ts';
import { PODS, collectionPath, objectPath } from '../client/resource-types.ts';
import type { Context } from '../context.ts';
import { failureText, throwAll } from '../failure-text.ts';
import type { LogsFlags } from '../logs.ts';
import { requestSignal } from '../server-flags.ts';
import { byLogs, logQuery, selectorOf, targetsIn, type LogPod, type LogTarget } from './log-targets.ts';
import { wholeLines } from './whole-lines.ts';

/** `skerry logs`: one log after the other, or all at once where they are followed. */
type Asking = { readonly client: ApiClient; readonly discovery: Discovery };

const IDLE_MS = 60_000;

export async function runLogs(words: readonly string[], given: LogsFlags, context: Context, asking: Asking): Promise<void> {
  const [what, containerWord, ...more] = words;
  if (given.selector !== undefined && what !== undefined) throw usage('only a selector (-l) or a POD name is allowed');
  if (more.length > 0) throw usage("expected 'logs [-f] [-p] (POD | TYPE/NAME) [-c CONTAINER]'");
  if (containerWord !== undefined && given.container !== undefined)
    throw usage('only one of -c or an inline [CONTAINER] arg is allowed');
  const container = given.container ?? containerWord;
  if (container !== undefined && given.allContainers === true)
    throw usage('--all-containers=true should not be specified with container name');
  const flags: LogsFlags = {
    ...given,
    ...(container === undefined ? {} : { container }),
    ...(given.allPods === true ? { prefix: true } : {}),
  };
  logQuery(flags, '');
  const pods =
    what === undefined ? await selected(asking.client, flags.selector ?? '') : await podsOf(what, flags, context, asking);
  if (pods.length === 0) return context.stderr(`No resources found in ${asking.client.namespace} namespace.\n`);
  const targets = pods.flatMap((pod) => {
    const { targets: found, note } = targetsIn(pod, flags);
    if (note !== undefined) context.stderr(`${note}\n`);
    return found;
  });
  if (flags.follow !== true || targets.length === 1) return printAll(targets, flags, context, asking.client, false);
  if (targets.length > flags.maxLogRequests)
    throw usage(
      `you are attempting to follow ${targets.length} log streams, but maximum allowed concurrency is ${flags.maxLogRequests}, use --max-log-requests to increase the limit`,
    );
  await printAll(targets, flags, context, asking.client, true);
}

const usage = (what: string) => new SkerryError('Usage', what);

async function selected(client: ApiClient, selector: string, namespace = client.namespace): Promise<readonly LogPod[]> {
  const pages = await listPages(client, collectionPath(PODS, namespace), { labelSelector: selector });
  // Sound: pods are what is asked for, of which single fields are read.
  return pages.flatMap((page) => (page as { readonly items?: readonly LogPod[] | null }).items ?? []);
}

/** Of a pod by its name, or of what selects pods. */
async function podsOf(
  what: string,
  flags: LogsFlags,
  context: Context,
  { client, discovery }: Asking,
): Promise<readonly LogPod[]> {
  const [first = '', name, ...more] = what.split('/');
  if (more.length > 0 || name === '' || first === '')
    throw usage('arguments in resource/name form may not have more than one slash');
  // Sound: a pod is what is asked for.
  const podNamed = async (pod: string) => [(await client.send('GET', objectPath(PODS, client.namespace, pod))) as LogPod];
  if (name === undefined) return podNamed(first);
  const type = await discovery.type(first);
  if (type.group === '' && type.plural === 'pods') return podNamed(name);
  const object = await client.send('GET', objectPath(type, client.namespace, name));
  const selector = selectorOf(object);
  if (selector === undefined)
    throw new SkerryError('BadRequest', `cannot get the logs from ${type.kind} ${name}: it selects no pods`);
  const pods = (await somePods(client, selector, flags.podRunningTimeout, context)).toSorted(byLogs);
  const [best] = pods;
  if (best === undefined || flags.allPods === true) return pods;
  if (pods.length > 1) context.stderr(`Found ${pods.length} pods, using pod/${best.metadata?.name ?? ''}\n`);
  return [best];
}

const LOOK_AGAIN_MS = 500;

/** Waits until there is one. */
async function somePods(client: ApiClient, selector: string, timeoutMs: number, { clock }: Context): Promise<readonly LogPod[]> {
  const deadline = clock.monotonic() + timeoutMs;
  const release = holdProcess();
  try {
    for (;;) {
      const pods = await selected(client, selector);
      if (pods.length > 0) return pods;
      if (clock.monotonic() >= deadline) throw new SkerryError('Timeout', `timed out waiting for a pod with ${selector}`);
      await sleep(clock, LOOK_AGAIN_MS, new AbortController().signal);
    }
  } finally {
    release();
  }
}

async function printAll(
  targets: readonly LogTarget[],
  flags: LogsFlags,
  context: Context,
  client: ApiClient,
  together: boolean,
): Promise<void> {
  const stop = new AbortController();
  const late = requestSignal(flags, context.clock);
  const signal = AbortSignal.any([stop.signal, late]);
  const failures: unknown[] = [];
  const one = async (target: LogTarget) => {
    if (signal.aborted) return;
    try {
      await printOne(target, flags, context, client, targets.length > 1, signal);
    } catch (error) {
      if (hasCode(error, 'Aborted')) return;
      if (flags.ignoreErrors === true && !hasCode(error, 'OutputClosed')) return context.stderr(failureText(error));
      failures.push(error);
      stop.abort();
    }
  };
  if (together) await Promise.all(targets.map(one));
  else for (const target of targets) await one(target);
  if (late.aborted) failures.push(new SkerryError('Timeout', 'read the log: --request-timeout is over'));
  throwAll(failures);
}

async function printOne(
  { pod, namespace, container }: LogTarget,
  flags: LogsFlags,
  context: Context,
  client: ApiClient,
  several: boolean,
  signal: AbortSignal,
): Promise<void> {
  const path = `${objectPath(PODS, namespace, pod)}/log`;
  const idleMs = flags.follow === true ? 0 : IDLE_MS;
  const chunks = await client.open(withQuery(path, logQuery(flags, container)), { accept: '*/*', idleMs, signal });
  const prefix = flags.prefix === true ? `[pod/${pod}/${container}] ` : '';
  if (prefix === '' && !several) for await (const chunk of chunks) await context.write(chunk);
  else for await (const lines of wholeLines(chunks, prefix)) await context.write(lines);
}
