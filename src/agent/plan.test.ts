import fc from 'fast-check';
import { expect, test } from 'vitest';
import { deleted, NODE_ITEM, podItem, script } from '../../test/support/fake-node.ts';
import { documentsOf } from '../../test/support/memory-ledger.ts';
import type { Item } from '#api/link/items.ts';
import type { Json } from '#api/object.ts';
import type { Memory } from './ledger/ledger.ts';
import { plan } from './plan.ts';
import { sentence, type Action } from './plan/action.ts';
import type { Observed, ObservedContainer, ProbeVerdicts } from './plan/observed.ts';
import { specHash } from './plan/spec-hash.ts';
import { volumesFingerprint } from './plan/volumes.ts';

const NOW = { wallMs: Date.UTC(2026, 0, 1), runningMs: 1_000_000, bootId: 'boot-1' };

type Rows = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

type World = {
  readonly items: readonly Item[];
  readonly removalsAllowed?: boolean;
  readonly rows?: Rows;
  readonly containers?: readonly ObservedContainer[];
  readonly images?: readonly string[];
  readonly change?: Partial<Observed>;
};

function memoryOf(rows: Rows = {}): Memory {
  return { rows: (kind) => new Map(Object.entries(rows[kind] ?? {}) as [string, Json][]) };
}

function observedOf({ items, containers = [], images = ['busybox:1'], rows, change }: World): Observed {
  const documents = documentsOf(items);
  const uids = [...new Set(containers.map(({ podUid }) => podUid))];
  const pods = uids.map((uid) => {
    const own = containers.filter(({ podUid }) => podUid === uid);
    return [
      uid,
      { sandboxes: own.filter(({ name }) => name === ''), containers: own.filter(({ name }) => name !== '') },
    ] as const;
  });
  const addresses = rows?.['addresses'] ?? {};
  const made = items.flatMap((item) =>
    item.kind === 'Pod' && uids.includes(item.metadata.uid)
      ? [[item.metadata.uid, volumesFingerprint(item, documents, addresses[item.metadata.uid] as string | undefined)] as const]
      : [],
  );
  const wired = containers
    .filter(({ name, state }) => name === '' && state === 'running')
    .map(({ podUid, id }) => [podUid, { sandboxId: id, address: String(addresses[podUid]) }] as const);
  return {
    pods: new Map(pods),
    images: new Map(images.map((name) => [`docker.io/library/${name}`, { id: name, sizeBytes: 1 }])),
    wired: new Map(wired),
    volumes: new Map(made),
    adrift: new Set(),
    pulls: new Map(),
    failures: new Map(),
    signalled: new Set(),
    verdicts: new Map(),
    hostAddress: '192.0.2.1',
    ...change,
  };
}

function actionsOf(world: World): readonly Action[] {
  return plan(documentsOf(world.items, world.removalsAllowed ?? true), memoryOf(world.rows), observedOf(world), NOW);
}

/** Of all that is planned, what is done to the node; commits, events and wakes are the loop's. */
function checkPlan(world: World, expected: readonly string[]): void {
  const done = actionsOf(world).filter(({ type }) => !['commit', 'event', 'wake'].includes(type));
  expect(done.map(sentence)).toEqual(expected);
}

function seen(pod: string, name: string, change: Partial<ObservedContainer> = {}): ObservedContainer {
  return {
    id: `${pod}-${name}-${change.attempt ?? 0}`,
    podUid: `uid-${pod}`,
    namespace: 'default',
    podName: pod,
    name,
    attempt: 0,
    sandboxAttempt: 0,
    hash: name === '' ? '' : specHash({ name, image: 'busybox:1' }),
    state: 'running',
    pid: 42,
    exitCode: 0,
    oomKilled: false,
    error: '',
    image: 'busybox:1',
    imageId: 'sha256:1',
    stopGraceMs: 30_000,
    ...change,
  };
}

const dead = (pod: string, name: string, exitCode: number, change: Partial<ObservedContainer> = {}) =>
  seen(pod, name, { state: 'exited', exitCode, pid: 0, ...change });

/** A pod that has its address and its sandbox, and this of its container. */
const standing = (
  container: Readonly<Record<string, unknown>> | undefined,
  pod: Readonly<Record<string, unknown>> = {},
): Rows => ({
  addresses: { 'uid-web-1': '10.32.0.1' },
  pods: {
    'uid-web-1': {
      seenMs: 0,
      seenWallMs: 0,
      sandboxAttempt: 0,
      containers:
        container === undefined
          ? {}
          : { app: { attempt: 0, sandbox: 0, hash: specHash({ name: 'app', image: 'busybox:1' }), ...container } },
      ...pod,
    },
  },
});

const WEB = podItem('web-1');
const SANDBOX = seen('web-1', '');

test('a new pod: volumes, image and sandbox at once', () => {
  checkPlan({ items: [NODE_ITEM, WEB], images: [] }, ['prepare volumes web-1', 'pull image busybox:1', 'create sandbox web-1']);
  checkPlan({ items: [NODE_ITEM, WEB] }, ['prepare volumes web-1', 'create sandbox web-1']);
});

test('without a pod CIDR nothing is begun, but for pods in the host network', () => {
  checkPlan({ items: [WEB] }, []);
  checkPlan({ items: [podItem('web-1', { spec: { hostNetwork: true } })] }, ['prepare volumes web-1', 'create sandbox web-1']);
});

test('a sandbox is wired before anything starts in it', () => {
  const rows = standing(undefined);
  checkPlan({ items: [NODE_ITEM, WEB], rows, containers: [SANDBOX], change: { wired: new Map() } }, ['wire web-1 at 10.32.0.1']);
  checkPlan({ items: [NODE_ITEM, WEB], rows, containers: [SANDBOX] }, ['start web-1/app attempt 0']);
});

test('an address that stands is given to nobody else, also where the ledger does not know it yet', () => {
  const wired = new Map([['uid-old', { sandboxId: 'old', address: '10.32.0.1' }]]);
  const given = actionsOf({ items: [NODE_ITEM, WEB], change: { wired } }).flatMap((action) =>
    action.type === 'commit' ? action.changes.filter(({ kind }) => kind === 'addresses') : [],
  );
  expect(given).toEqual([{ kind: 'addresses', key: 'uid-web-1', value: '10.32.0.2' }]);
});

test('the same uid, hash and id are never touched', () => {
  const world = { items: [NODE_ITEM, WEB], containers: [SANDBOX, seen('web-1', 'app')] };
  checkPlan({ ...world, rows: standing({ id: 'web-1-app-0' }) }, []);
  // A hash of a version that this release does not know adopts.
  checkPlan({ ...world, rows: standing({ id: 'web-1-app-0', hash: '9:whatever' }) }, []);
  checkPlan({ ...world, rows: standing({ id: 'web-1-app-0', hash: '1:0000' }) }, ['stop web-1/app grace 30']);
});

test('an attempt that was committed but not made is made, not skipped', () => {
  const rows = standing({ attempt: 2 });
  checkPlan({ items: [NODE_ITEM, WEB], rows, containers: [SANDBOX] }, ['start web-1/app attempt 2']);
  const created = seen('web-1', 'app', { attempt: 2, state: 'created', pid: 0 });
  checkPlan({ items: [NODE_ITEM, WEB], rows, containers: [SANDBOX, created] }, ['start web-1/app attempt 2']);
});

test('a dead container is the next attempt; the one before is kept for its log, older ones are removed', () => {
  const containers = [
    SANDBOX,
    dead('web-1', 'app', 1, { attempt: 2 }),
    dead('web-1', 'app', 1, { attempt: 1 }),
    dead('web-1', 'app', 1),
  ];
  checkPlan({ items: [NODE_ITEM, WEB], rows: standing({ attempt: 2, id: 'web-1-app-2' }), containers }, [
    'start web-1/app attempt 3',
    'remove web-1/app attempt 0',
  ]);
});

test('in back-off nothing is started, and the wait is as long as is left of it', () => {
  const rows = standing({
    attempt: 3,
    backoff: { delayMs: 40_000, atMs: NOW.runningMs - 60_000 },
    diedMs: NOW.runningMs - 10_000,
    exit: EXIT,
  });
  const world = { items: [NODE_ITEM, WEB], rows, containers: [SANDBOX, dead('web-1', 'app', 1, { attempt: 3 })] };
  expect(actionsOf(world).map(sentence)).toEqual([
    'commit web-1',
    'event BackOff web-1: Back-off restarting failed container app in pod web-1_default(uid-web-1)',
    'wake web-1 in 30',
  ]);
});

const EXIT = { image: 'busybox:1', imageId: 'sha256:1', exitCode: 1, reason: 'Error' };

test('a pod that is deleted is stopped, killed when its grace is over, then removed', () => {
  const items = [NODE_ITEM, deleted(WEB, 30)];
  const containers = [SANDBOX, seen('web-1', 'app')];
  checkPlan({ items, rows: standing({ id: 'web-1-app-0' }), containers }, ['stop web-1/app grace 30']);
  const signalled = new Set(['web-1-app-0']);
  checkPlan({ items, rows: standing({ id: 'web-1-app-0' }), containers, change: { signalled } }, []);
  const over = standing({ id: 'web-1-app-0' }, { termination: { sinceMs: NOW.runningMs - 30_000, graceMs: 30_000 } });
  checkPlan({ items, rows: over, containers, change: { signalled } }, ['kill web-1/app']);
  checkPlan({ items, rows: standing({ id: 'web-1-app-0', exit: EXIT }), containers: [SANDBOX, dead('web-1', 'app', 1)] }, [
    'remove web-1',
  ]);
  checkPlan({ items, rows: standing({ id: 'web-1-app-0' }), containers, removalsAllowed: false }, []);
});

test('what nobody desires is stopped and removed, unless removals are not allowed', () => {
  const containers = [SANDBOX, seen('web-1', 'app')];
  checkPlan({ items: [NODE_ITEM], containers }, ['stop web-1/app grace 30']);
  checkPlan({ items: [NODE_ITEM], containers: [SANDBOX, dead('web-1', 'app', 0)] }, ['remove web-1']);
  checkPlan({ items: [NODE_ITEM], containers, removalsAllowed: false }, []);
});

test('a pod that the server knows to have ended is not run again, also where the ledger has forgotten it', () => {
  const ended = { phase: 'Failed', reason: 'DeadlineExceeded', message: '' } as const;
  const items = [NODE_ITEM, { ...WEB, ended }];
  checkPlan({ items }, []);
  checkPlan({ items, containers: [SANDBOX, seen('web-1', 'app')] }, ['stop web-1/app grace 30']);
  checkPlan({ items, containers: [dead('web-1', 'app', 137)] }, []);
});

test('a verdict outranks the document', () => {
  const verdict = { phase: 'Failed', reason: '', message: '' };
  const rows = standing({ id: 'web-1-app-0', exit: EXIT }, { verdict });
  checkPlan({ items: [NODE_ITEM, WEB], rows, containers: [SANDBOX, dead('web-1', 'app', 1)] }, ['remove sandbox web-1']);
  checkPlan({ items: [NODE_ITEM, WEB], rows }, []);
});

test('a pod that is gone stays so while its item is still there', () => {
  checkPlan(
    { items: [NODE_ITEM, deleted(WEB, 0)], rows: { pods: { 'uid-web-1': { seenMs: 0, containers: {}, gone: true } } } },
    [],
  );
});

const anyContainer = fc.record({
  pod: fc.constantFrom('web-1', 'web-2', 'stray'),
  name: fc.constantFrom('', 'app', 'old'),
  attempt: fc.nat({ max: 3 }),
  state: fc.constantFrom<ObservedContainer['state'][]>('created', 'running', 'exited'),
  exitCode: fc.constantFrom(0, 1, 137),
});
const anyWorld = fc.record({
  containers: fc.uniqueArray(anyContainer, { selector: ({ pod, name, attempt }) => `${pod}/${name}/${attempt}`, maxLength: 10 }),
  desired: fc.subarray(['web-1', 'web-2']),
  deleting: fc.boolean(),
  removalsAllowed: fc.boolean(),
  policy: fc.constantFrom('Always', 'OnFailure', 'Never'),
  remembered: fc.option(fc.record({ attempt: fc.nat({ max: 3 }), withId: fc.boolean() })),
});

test('never: a start beside a running one, a removal that is not allowed, an id that was not seen, an attempt twice', () => {
  const property = fc.property(anyWorld, ({ containers, desired, deleting, removalsAllowed, policy, remembered }) => {
    const items = desired.map((name) => {
      const item = podItem(name, { spec: { restartPolicy: policy }, containers: [script('exit 1')] });
      return deleting ? deleted(item, 10) : item;
    });
    const all = containers.map(({ pod, name, ...change }) => seen(pod, name, change));
    const rows = remembered === null ? {} : standing({ attempt: remembered.attempt, ...(remembered.withId ? { id: 'x' } : {}) });
    const world: World = { items: [NODE_ITEM, ...items], removalsAllowed, containers: all, rows };
    const actions = actionsOf(world);
    for (const action of actions) {
      if (action.type === 'start-container') {
        const same = all.filter(({ podUid, name }) => podUid === action.pod.uid && name === action.container);
        expect(same.some(({ state }) => state === 'running')).toBe(false);
        expect(same.some(({ attempt, state }) => attempt === action.attempt && state === 'exited')).toBe(false);
      }
      if (!removalsAllowed) {
        expect(action.type).not.toBe('remove-pod');
        if (action.type === 'stop-container' || action.type === 'kill-container') expect(desired).toContain(action.pod.name);
      }
      const ids = 'ids' in action ? action.ids : 'id' in action ? [action.id] : [];
      for (const id of ids) expect(all.map((one) => one.id)).toContain(id);
    }
    const starts = actions.flatMap((action) =>
      action.type === 'start-container' ? [`${action.pod.uid}/${action.container}`] : [],
    );
    expect(new Set(starts).size).toBe(starts.length);
  });
  fc.assert(property, { numRuns: 1_000 });
});

const anyVerdict = fc.constantFrom(undefined, 'success' as const, 'failure' as const);

test('never: a stop for a probe that has not failed, a container ready that has not started, or that never was found so', () => {
  const property = fc.property(
    fc.record({ startup: anyVerdict, readiness: anyVerdict, liveness: anyVerdict }),
    fc.record({ started: fc.boolean(), ready: fc.boolean() }),
    fc.boolean(),
    fc.boolean(),
    (found, known, isOther, ofBefore) => {
      const probe = { httpGet: { port: 80 } };
      const item = podItem('web-1', { containers: [{ startupProbe: probe, readinessProbe: probe, livenessProbe: probe }] });
      const running = seen('web-1', 'app', { hash: specHash(item.spec.containers[0] ?? { name: 'app' }) });
      const last = { name: 'app', containerID: `docker://${ofBefore ? 'before' : running.id}`, ...known };
      const rows = {
        ...standing({ id: running.id, hash: running.hash }),
        statuses: { 'uid-web-1': { containerStatuses: [last] } },
      };
      // Verdicts on another attempt concern nobody.
      const verdicts = new Map([[isOther ? 'another' : running.id, found as ProbeVerdicts]]);
      const actions = actionsOf({ items: [NODE_ITEM, item], rows, containers: [SANDBOX, running], change: { verdicts } });
      const [startup, readiness, liveness] = isOther ? [] : [found.startup, found.readiness, found.liveness];
      const stops = actions.some(({ type }) => type === 'stop-container');
      expect(stops).toBe(startup === 'failure' || liveness === 'failure');
      const reports = actions.flatMap((action) => (action.type === 'commit' ? action.reports : []));
      const statuses = reports.flatMap((report) =>
        report.class === 'state' && 'uid' in report.body ? (report.body.status.containerStatuses ?? []) : [],
      );
      const isStarted = (!ofBefore && known.started) || startup === 'success';
      const isReady = isStarted && (readiness === undefined ? !ofBefore && known.ready : readiness === 'success');
      expect(statuses).toMatchObject([{ started: isStarted, ready: isReady }]);
    },
  );
  fc.assert(property);
});

test('volumes whose source went away, or that can not be renewed, keep nothing from being done for a pod that has them', () => {
  const spec = { volumes: [{ name: 'v', configMap: { name: 'gone' } }], initContainers: [{ name: 'init', image: 'busybox:1' }] };
  const item = podItem('web-1', { spec });
  const containers = {
    init: { attempt: 0, sandbox: 0, hash: specHash({ name: 'init', image: 'busybox:1' }), exit: { exitCode: 0 } },
    app: { attempt: 0, sandbox: 0, hash: specHash({ name: 'app', image: 'busybox:1' }) },
  };
  const rows = standing(undefined, { containers });
  const init = dead('web-1', 'init', 0);
  const crashed = [SANDBOX, init, dead('web-1', 'app', 1)];
  const made = (text: string) => new Map([['uid-web-1', text]]);
  const again = ['start web-1/app attempt 1'];
  const lost = { items: [NODE_ITEM, item], rows };
  checkPlan({ ...lost, containers: crashed, change: { volumes: made('as they were') } }, again);
  // After a restart of the agent, while something of it runs; after a boot they have to be made.
  const liveness = new Map<string, ProbeVerdicts>([['web-1-app-0', { liveness: 'failure' }]]);
  const running = [SANDBOX, init, seen('web-1', 'app')];
  checkPlan({ ...lost, containers: running, change: { volumes: made(''), verdicts: liveness } }, ['stop web-1/app grace 30']);
  checkPlan({ ...lost, containers: crashed, change: { volumes: made('') } }, []);
  const here: Item = { kind: 'ConfigMap', metadata: { namespace: 'default', name: 'gone' } };
  const failures = new Map([
    ['uid-web-1/volumes', { reason: 'FailedMount', message: 'no space', failures: 1, atMs: NOW.runningMs }],
  ]);
  checkPlan({ ...lost, items: [NODE_ITEM, item, here], containers: crashed, change: { volumes: made('old'), failures } }, again);
});
