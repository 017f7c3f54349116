import type { PodItem } from '#api/link/items.ts';
import { canonicalText } from '#api/link/canonical-text.ts';
import type { Documents, Memory } from '../ledger/ledger.ts';
import {
  ADDRESSES,
  STATUSES,
  addressOf,
  asJson,
  podMemory,
  rememberAddress,
  rememberPod,
  reportedStatus,
  type PodMemory,
} from '../memory.ts';
import { podStatus } from '../status/pod-status.ts';
import type { Action } from './action.ts';
import { allocateAddress, isInside } from './addresses.ts';
import { settleContainers, viewContainers, type ContainerView } from './container-view.ts';
import { isFinished, planContainers } from './containers.ts';
import { graceMsOf, podNameOf, recentFailure, stop, tell, wakeIn, type Draft } from './draft.ts';
import { imageReady } from './images.ts';
import { nodeItem } from './items.ts';
import { NOTHING_OBSERVED, type Now, type Observed, type ObservedContainer } from './observed.ts';
import { forgetTraces, planEnded, planTermination, reachVerdict } from './termination.ts';
import { toleratedEvents, unsupportedFields } from './unsupported.ts';
import { missingSource, volumesFingerprint } from './volumes.ts';

/** One desired pod: what is to be done next, with what must be on the disk, and reported, before. */
export function planPod(documents: Documents, ledger: Memory, observed: Observed, now: Now, item: PodItem): readonly Action[] {
  const before = podMemory(ledger, item.metadata.uid);
  // A deletion is never taken back but by a database that was restored: then the pod begins anew.
  if (before?.gone === true && item.metadata.deletionTimestamp !== undefined) return [];
  const draft = startDraft(documents, ledger, observed, now, item);
  const previous = reportedStatus(ledger, draft.pod.uid);
  const probes = { verdicts: observed.verdicts, reported: previous };
  const views = () => viewContainers(item, draft.memory.containers, draft.seen, probes);
  const ended = decide(draft, views());
  const status = podStatus({
    item,
    memory: draft.memory,
    views: views(),
    waiting: draft.waiting,
    sandboxReady: readySandbox(draft) !== undefined,
    address: draft.address,
    hostAddress: observed.hostAddress,
    previous,
    removed: ended,
    now,
  });
  report(draft, status, ended);
  if (ended) forgetTraces(draft);
  if (before === undefined || canonicalText(before) !== canonicalText(draft.memory)) {
    draft.changes.push(rememberPod(draft.pod.uid, draft.memory));
  }
  return finish(draft);
}

/** True when nothing is left of a deleted pod. */
function decide(draft: Draft, views: readonly ContainerView[]): boolean {
  const { item, documents, now } = draft;
  if (item.metadata.deletionTimestamp !== undefined && documents.removalsAllowed) return planTermination(draft, views);
  judge(draft, views);
  if (draft.memory.verdict !== undefined) {
    planEnded(draft, views);
    return false;
  }
  const { activeDeadlineSeconds } = item.spec;
  if (activeDeadlineSeconds !== undefined) wakeIn(draft, draft.memory.seenMs + activeDeadlineSeconds * 1000 - now.runningMs);
  if (!refused(draft, views)) {
    for (const event of toleratedEvents(item)) tell(draft, event);
    run(draft, views);
  }
  removeOld(draft, views);
  return false;
}

/** A pod that has run to its end, or out of its time, gets its verdict. One that the server knows to have ended has had it, before a ledger was lost. */
function judge(draft: Draft, views: readonly ContainerView[]): void {
  const { item, memory, now } = draft;
  if (memory.verdict !== undefined) return;
  if (item.ended !== undefined) {
    draft.memory = { ...memory, verdict: item.ended };
    return;
  }
  const { activeDeadlineSeconds } = item.spec;
  if (activeDeadlineSeconds !== undefined && now.runningMs - memory.seenMs >= activeDeadlineSeconds * 1000) {
    const message = 'Pod was active on the node longer than the specified deadline';
    tell(draft, { type: 'Normal', reason: 'DeadlineExceeded', message, once: 'deadline' });
    reachVerdict(draft, { phase: 'Failed', reason: 'DeadlineExceeded', message });
    return;
  }
  const failed = (view: ContainerView) => view.memory?.exit !== undefined && view.memory.exit.exitCode !== 0;
  const apps = views.filter(({ role }) => role === 'app');
  const initFailed = views.some((view) => view.role === 'init' && failed(view) && isFinished(draft, view));
  if (!initFailed && !apps.every((view) => isFinished(draft, view))) return;
  const phase = initFailed || apps.some(failed) ? 'Failed' : 'Succeeded';
  reachVerdict(draft, { phase, reason: '', message: '' });
}

function refused(draft: Draft, views: readonly ContainerView[]): boolean {
  const fields = unsupportedFields(draft.item);
  // What an earlier release started goes on.
  if (fields.length === 0 || views.some(({ state }) => state === 'running')) return false;
  const message = `this release cannot do what the pod asks for: ${fields.join(', ')}`;
  tell(draft, { type: 'Warning', reason: 'Unsupported', message, once: `unsupported/${message}` });
  for (const { name } of views) draft.waiting.set(name, { reason: 'Unsupported', message });
  return true;
}

function run(draft: Draft, views: readonly ContainerView[]): void {
  if (!allot(draft)) return;
  const volumes = prepareVolumes(draft, views);
  if (endAdrift(draft, views)) return;
  const sandbox = readySandbox(draft);
  if (sandbox === undefined || !volumes) {
    for (const view of views) if (view.state !== 'running' && !isFinished(draft, view)) prefetch(draft, view, views);
    if (runningSandbox(draft) === undefined) replaceSandbox(draft, views);
    else wire(draft);
    return;
  }
  planContainers(draft, views, sandbox);
}

function prefetch(draft: Draft, view: ContainerView, views: readonly ContainerView[]): void {
  imageReady(draft, view);
  if (views[0] !== view && views[0]?.role !== 'app') draft.waiting.set(view.name, { reason: 'PodInitializing' });
}

/** Sees that the pod has an address; false while it can have none. */
function allot(draft: Draft): boolean {
  if (draft.item.spec.hostNetwork === true) return true;
  const podCidr = nodeItem(draft.documents)?.spec.podCIDR;
  const isUp = runningSandbox(draft) !== undefined;
  if (draft.address !== undefined && (isUp || podCidr === undefined || isInside(podCidr, draft.address))) return true;
  // Rows of this kind are texts (memory.ts).
  const allotted = [...draft.ledger.rows(ADDRESSES).values()] as readonly string[];
  // A ledger that was lost does not know yet what stands.
  const standing = [...draft.observed.wired.values()].map(({ address }) => address);
  const address = podCidr === undefined ? undefined : allocateAddress(podCidr, [...allotted, ...standing], allotted.at(-1));
  if (address === undefined) {
    const why = podCidr === undefined ? 'this node has no pod CIDR yet' : `no address is free in ${podCidr}`;
    tell(draft, { type: 'Warning', reason: 'NetworkNotReady', message: `network is not ready: ${why}`, once: `network/${why}` });
    wakeIn(draft, NETWORK_AGAIN_MS);
    return false;
  }
  draft.address = address;
  draft.changes.push(rememberAddress(draft.pod.uid, address));
  return true;
}

const NETWORK_AGAIN_MS = 30_000;

/** False while files that containers need are not there. What can not be renewed (its source went away, the disk is full) goes on as it is. */
function prepareVolumes(draft: Draft, views: readonly ContainerView[]): boolean {
  const { item, documents, observed, pod, address } = draft;
  if (areMade(draft)) return true;
  // Of a process of before it is only known that what runs was given them.
  const areThere = (observed.volumes.get(pod.uid) ?? '') !== '' || views.some(({ state }) => state === 'running');
  const missing = missingSource(item, documents);
  if (missing !== undefined) {
    const message = `MountVolume.SetUp failed for volume "${missing.volume}" : ${missing.what}`;
    tell(draft, { type: 'Warning', reason: 'FailedMount', message, once: `mount/${message}` });
    return areThere;
  }
  if (recentFailure(draft, 'volumes') !== undefined) return areThere;
  const fingerprint = volumesFingerprint(item, documents, address);
  draft.actions.push({ type: 'prepare-volumes', pod, item, fingerprint, ...(address === undefined ? {} : { address }) });
  return false;
}

/** Its volumes are there, of what they are to be made of now. */
function areMade({ item, documents, observed, pod, address }: Draft): boolean {
  return observed.volumes.get(pod.uid) === volumesFingerprint(item, documents, address);
}

/**
 * A pod whose folder went away under its running containers has volumes that nobody else sees and nothing reaches: it is made anew, from its init containers on,
 * by the end of its sandbox, which is seen wherever this is cut off. One that is to run once only goes on with what it has.
 */
function endAdrift(draft: Draft, views: readonly ContainerView[]): boolean {
  const sandbox = runningSandbox(draft);
  if (sandbox === undefined || !areMade(draft) || !views.some((view) => hasLostFolder(draft, view))) return false;
  const what = "the pod's folder on this node was removed or moved while it was running";
  if ((draft.item.spec.restartPolicy ?? 'Always') !== 'Always') {
    const message = `${what}: its volumes are not kept up to date any more, delete the pod to have it made anew`;
    tell(draft, { type: 'Warning', reason: 'VolumesLost', message, once: `adrift/${sandbox.id}` });
    return false;
  }
  const message = `${what}: its containers are stopped and started again with new volumes`;
  tell(draft, { type: 'Warning', reason: 'VolumesLost', message, once: `adrift/${sandbox.id}` });
  draft.actions.push({ type: 'kill-container', pod: draft.pod, container: 'sandbox', id: sandbox.id });
  return true;
}

function hasLostFolder({ observed }: Draft, { state, observed: seen }: ContainerView): boolean {
  return state === 'running' && seen !== undefined && observed.adrift.has(seen.id);
}

/** Creates the first sandbox, or one in place of one that died; never while containers of the old one still run. */
function replaceSandbox(draft: Draft, views: readonly ContainerView[]): void {
  const running = views.filter(({ state }) => state === 'running');
  for (const view of running) {
    const graceMs = hasLostFolder(draft, view) ? graceMsOf(draft) : SANDBOX_GONE_GRACE_MS;
    stop(draft, view, draft.now.runningMs + graceMs, `Stopping container ${view.name}`);
  }
  if (running.length > 0) return;
  const attempt = nextSandboxAttempt(draft);
  const failure = recentFailure(draft, 'sandbox');
  if (failure !== undefined) return;
  if (attempt > 0 && attempt !== draft.memory.sandboxAttempt) {
    const message = 'Pod sandbox changed, it will be killed and re-created.';
    tell(draft, { type: 'Normal', reason: 'SandboxChanged', message, once: `sandbox/${attempt}` });
  }
  draft.memory = { ...draft.memory, sandboxAttempt: attempt };
  const { pod, item, address } = draft;
  draft.actions.push({ type: 'create-sandbox', pod, item, attempt, ...(address === undefined ? {} : { address }) });
}

/** Containers without a network have nothing to finish in good order for long. */
const SANDBOX_GONE_GRACE_MS = 5_000;

/** The same attempt again while it was only ordered; the next one once it had its life. */
function nextSandboxAttempt({ memory, seen }: Draft): number {
  const { sandboxAttempt } = memory;
  if (sandboxAttempt < 0) return 0;
  const ordered = seen.sandboxes.find(({ attempt }) => attempt === sandboxAttempt);
  if (ordered !== undefined) return ordered.state === 'created' && ordered.error === '' ? sandboxAttempt : sandboxAttempt + 1;
  return Object.values(memory.containers).some(({ sandbox }) => sandbox === sandboxAttempt) ? sandboxAttempt + 1 : sandboxAttempt;
}

function wire(draft: Draft): void {
  const sandbox = runningSandbox(draft);
  if (sandbox === undefined || draft.address === undefined || isWired(draft, sandbox)) return;
  if (recentFailure(draft, 'wiring') !== undefined) return;
  const { pod, item, address } = draft;
  draft.actions.push({ type: 'wire', pod, item, sandboxId: sandbox.id, pid: sandbox.pid, address });
}

function runningSandbox({ seen, memory }: Draft): ObservedContainer | undefined {
  return seen.sandboxes.find(({ attempt, state }) => attempt === memory.sandboxAttempt && state === 'running');
}

/** The running sandbox, if its network is up too. */
function readySandbox(draft: Draft): ObservedContainer | undefined {
  const sandbox = runningSandbox(draft);
  if (sandbox === undefined || draft.item.spec.hostNetwork === true) return sandbox;
  return isWired(draft, sandbox) ? sandbox : undefined;
}

function isWired({ observed, pod, address }: Draft, sandbox: ObservedContainer): boolean {
  const wired = observed.wired.get(pod.uid);
  return wired?.sandboxId === sandbox.id && wired.address === address;
}

/** Dead containers older than the last one are of no use to anybody, and so are sandboxes that were replaced, or never came up. */
function removeOld(draft: Draft, views: readonly ContainerView[]): void {
  for (const { id, name, attempt, state } of draft.seen.containers) {
    const newest = views.find((view) => view.name === name)?.memory?.attempt;
    if (newest === undefined || state === 'running' || attempt >= newest - 1) continue;
    draft.actions.push({ type: 'remove-container', pod: draft.pod, container: name, id, attempt });
  }
  const newest = draft.memory.sandboxAttempt;
  const isReady = readySandbox(draft) !== undefined;
  for (const { id, attempt } of draft.seen.sandboxes) {
    // Until the newest is up, what stood before it may still be needed; what stood before that is not.
    if (isReady ? attempt === newest : attempt >= newest - 1) continue;
    draft.actions.push({ type: 'remove-container', pod: draft.pod, container: 'sandbox', id, attempt });
  }
}

function report(draft: Draft, status: ReturnType<typeof podStatus>, gone: boolean): void {
  const { uid, namespace, name } = draft.pod;
  const known = draft.ledger.rows(STATUSES).get(uid);
  if (!gone && known !== undefined && canonicalText(known) === canonicalText(status)) return;
  if (!gone) draft.changes.push({ kind: STATUSES, key: uid, value: asJson(status) });
  const body = { uid, namespace, name, status, ...(gone ? { gone: true as const } : {}) };
  draft.reports.push({ class: 'state', key: `pods/${uid}`, body });
}

function startDraft(documents: Documents, ledger: Memory, observed: Observed, now: Now, item: PodItem): Draft {
  const pod = podNameOf(item);
  const seen = observed.pods.get(pod.uid) ?? NOTHING_OBSERVED;
  const remembered = podMemory(ledger, pod.uid);
  const known: PodMemory = (remembered?.gone === true ? undefined : remembered) ?? {
    seenMs: now.runningMs,
    seenWallMs: now.wallMs,
    sandboxAttempt: Math.max(-1, ...seen.sandboxes.map(({ attempt }) => attempt)),
    containers: {},
  };
  const containers = settleContainers(item, known.containers, seen, now.runningMs);
  // A ledger that was lost is refilled from what stands: the address as it is wired.
  const allotted = addressOf(ledger, pod.uid);
  const address = allotted ?? observed.wired.get(pod.uid)?.address;
  return {
    item,
    pod,
    documents,
    ledger,
    observed,
    seen,
    now,
    memory: { ...known, bootId: now.bootId, containers },
    address,
    actions: [],
    changes: allotted === undefined && address !== undefined ? [rememberAddress(pod.uid, address)] : [],
    reports: [],
    waiting: new Map(),
    wakeMs: undefined,
  };
}

function finish({ pod, actions, changes, reports, wakeMs }: Draft): readonly Action[] {
  return [
    ...(changes.length === 0 && reports.length === 0 ? [] : [{ type: 'commit' as const, pod, changes, reports }]),
    ...actions,
    ...(wakeMs === undefined ? [] : [{ type: 'wake' as const, pod, afterMs: wakeMs }]),
  ];
}
