/** The taints that a node's state asks for. Others' taints on the same node are left as they are. */
import {
  nodeCondition,
  TAINT_NOT_READY,
  TAINT_UNREACHABLE,
  TAINT_UNSCHEDULABLE,
  type Node,
  type Taint,
} from '#api/kinds/node.ts';
import { rfc3339 } from '#lib/time.ts';

/** Conditions that keep pods away while they are true. */
const PRESSURES: Readonly<Record<string, string>> = {
  MemoryPressure: 'node.kubernetes.io/memory-pressure',
  DiskPressure: 'node.kubernetes.io/disk-pressure',
  PIDPressure: 'node.kubernetes.io/pid-pressure',
  NetworkUnavailable: 'node.kubernetes.io/network-unavailable',
};
const OURS: readonly string[] = [TAINT_NOT_READY, TAINT_UNREACHABLE, TAINT_UNSCHEDULABLE, ...Object.values(PRESSURES)];

/** All the node's taints as they should be; undefined if they are. NoExecute ones get the time from which patience counts. */
export function taintsFor(node: Node, now: number): readonly Taint[] | undefined {
  const taints = node.spec?.taints ?? [];
  const wanted = wantedTaints(node);
  const kept = taints.filter((taint) => !OURS.includes(taint.key) || wanted.some((each) => isSame(each, taint)));
  const added = wanted.filter((each) => !taints.some((taint) => isSame(each, taint)));
  if (added.length === 0 && kept.length === taints.length && kept.every(isTimed)) return undefined;
  return [...kept, ...added].map((taint) => (isTimed(taint) ? taint : { ...taint, timeAdded: rfc3339(now) }));
}

function wantedTaints(node: Node): readonly Taint[] {
  const ready = nodeCondition(node, 'Ready')?.status;
  const pressures = Object.entries(PRESSURES).flatMap(([condition, key]) =>
    nodeCondition(node, condition)?.status === 'True' ? [noSchedule(key)] : [],
  );
  return [
    ...(ready === 'True'
      ? []
      : ready === 'Unknown'
        ? both(TAINT_UNREACHABLE)
        : ready === undefined
          ? [noSchedule(TAINT_NOT_READY)]
          : both(TAINT_NOT_READY)),
    ...(node.spec?.unschedulable === true ? [noSchedule(TAINT_UNSCHEDULABLE)] : []),
    ...pressures,
  ];
}

const noSchedule = (key: string): Taint => ({ key, effect: 'NoSchedule' });
const both = (key: string): readonly Taint[] => [noSchedule(key), { key, effect: 'NoExecute' }];
const isSame = (a: Taint, b: Taint): boolean => a.key === b.key && a.effect === b.effect;
const isTimed = ({ effect, timeAdded }: Taint): boolean => effect !== 'NoExecute' || timeAdded !== undefined;
