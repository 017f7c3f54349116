import { aNode, aPod, owner } from '../support/cluster-objects.ts';
import type { Pod } from '../../src/api/kinds/pod.ts';
import { DECISIONS_MAX, Scheduler } from '../../src/sched/scheduler.ts';
import { printTable, row, type Row } from './statistics.ts';

/**
 * Decisions per CPU-second of the scheduler alone, from the watch entry of the pod to its decision and the watch entry of its bind, on
 * several workloads. Run by hand: `node test/bench/scheduler.ts [pods]`.
 */

const BUDGET = 10_000;
const ZONES = 10;
const NODES = [1_000, 5_000];
const PODS = Number(process.argv[2] ?? 10_000);

type Workload = (index: number, nodes: number) => Pod;

const small = [{ cpu: '100m', memory: '128Mi' }];
const inZone = (zone: number) => ({ nodeSelector: { zone: `z${zone % ZONES}` } });

const WORKLOADS: Readonly<Record<string, Workload>> = {
  basic: (index) => aPod(`p${index}`, { requests: small }),
  'no requests': (index) => aPod(`p${index}`),
  'owners of 10, spread': (index) => aPod(`p${index}`, { requests: small, owner: owner(`rs${Math.floor(index / 10)}`) }),
  'one owner': (index) => aPod(`p${index}`, { requests: small, owner: owner('rs') }),
  'node selector, zones interleaved': (index) => aPod(`p${index}`, { requests: small, ...inZone(index) }),
  'preferred affinity': (index) =>
    aPod(`p${index}`, { requests: small, spec: { affinity: { nodeAffinity: preferZone(index) } } }),
  '200 templates interleaved': (index) =>
    aPod(`p${index}`, { requests: small, tolerations: [{ key: `team-${index % 200}`, operator: 'Exists' }] }),
  'host ports': (index) => aPod(`p${index}`, { requests: small, hostPorts: [8_000 + (index % 50)] }),
  'DaemonSet, one pod a node': (index, nodes) =>
    aPod(`p${index}`, { requests: small, spec: { affinity: { nodeAffinity: pin(index % nodes) } } }),
  'nothing fits, one kin': (index) => aPod(`p${index}`, { requests: [{ cpu: '64' }] }),
};

function preferZone(index: number) {
  const preference = { matchExpressions: [{ key: 'zone', operator: 'In', values: [`z${index % ZONES}`] }] };
  return { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 10, preference }] };
}

function pin(node: number) {
  const nodeSelectorTerms = [{ matchFields: [{ key: 'metadata.name', operator: 'In', values: [`n${node}`] }] }];
  return { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms } };
}

function measure(workload: Workload, nodes: number): number {
  const scheduler = new Scheduler();
  for (let index = 0; index < nodes; index += 1)
    scheduler.apply({ resource: 'nodes', after: aNode(`n${index}`, { labels: { zone: `z${index % ZONES}` } }) });
  const pods = Array.from({ length: PODS }, (_, index) => workload(index, nodes));
  const before = process.cpuUsage();
  let decided = 0;
  for (let start = 0; start < pods.length; start += DECISIONS_MAX) {
    for (const pod of pods.slice(start, start + DECISIONS_MAX)) scheduler.apply({ resource: 'pods', after: pod });
    for (const decision of scheduler.decide()) {
      decided += 1;
      for (const { pod, node } of decision.type === 'placed' ? decision.binds : [])
        scheduler.apply({
          resource: 'pods',
          before: pod,
          after: { ...pod, spec: { ...pod.spec, containers: pod.spec?.containers ?? [], nodeName: node } },
        });
    }
  }
  const { user, system } = process.cpuUsage(before);
  return decided / ((user + system) / 1e6);
}

const rows: Row[] = [];
for (const [name, workload] of Object.entries(WORKLOADS)) {
  for (const nodes of NODES) {
    const perSecond = measure(workload, nodes);
    rows.push(row(`${name}, ${nodes} nodes`, `${Math.round(perSecond)}/CPU-s`, `≥ ${BUDGET}`, perSecond >= BUDGET));
  }
}
printTable(rows);
