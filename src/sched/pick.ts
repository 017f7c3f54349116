/**
 * The decision: for each unit the best node for each of its pods, or why there is none. A unit is placed whole or not at all. Every node
 * is looked at (never a sample), ties go to the name that comes first; what is decided is assumed in the state at once.
 */
import type { Pod } from '#api/kinds/pod.ts';
import { explainUnplaced } from './explain.ts';
import { FILTERS } from './filters.ts';
import { podFacts, type PodFacts } from './pod-facts.ts';
import { roomScore } from './scores.ts';
import type { SchedulerState } from './state.ts';
import { refresh, Templates } from './templates.ts';

/** One to n pods that only make sense together. */
export type Unit = { readonly pods: readonly Pod[] };

export type Bind = { readonly pod: Pod; readonly node: string };

/** What commits together, or why the unit waits: the message of its FailedScheduling event. */
export type Decision =
  | { readonly type: 'placed'; readonly unit: Unit; readonly binds: readonly Bind[] }
  | { readonly type: 'waits'; readonly unit: Unit; readonly message: string };

const NONE = -1;

/** Units in the order they are to be served. `templates` only saves work: the decisions are the same with a fresh one. */
export function pick(state: SchedulerState, units: readonly Unit[], templates: Templates = new Templates()): readonly Decision[] {
  const refused = new Map<string, string>();
  return units.map((unit) => {
    const binds: Bind[] = [];
    for (const pod of unit.pods) {
      const facts = podFacts(pod);
      // Room only shrinks while units are placed, so what one pod was refused its kin need not ask for again.
      const known = refused.get(facts.kin);
      const slot = known === undefined ? bestSlot(state, facts, templates) : NONE;
      const node = state.nodes.facts[slot]?.name;
      if (node === undefined) {
        const message = known ?? explainUnplaced(state, facts);
        if (binds.length === 0) refused.set(facts.kin, message);
        for (const bind of binds) state.forget(bind.pod.metadata.uid ?? '');
        return { type: 'waits', unit, message };
      }
      state.assume(facts, node);
      binds.push({ pod, node });
    }
    return { type: 'placed', unit, binds };
  });
}

function bestSlot(state: SchedulerState, pod: PodFacts, templates: Templates): number {
  return pod.pinned === undefined ? bestOfAll(state, pod, templates) : bestOfPinned(state, pod, pod.pinned);
}

function bestOfAll({ nodes }: SchedulerState, pod: PodFacts, templates: Templates): number {
  const answers = templates.of(pod, nodes);
  const { seen, fits, score: specScores } = answers;
  const { version, end } = nodes;
  const ownersPods = pod.owner === undefined ? undefined : nodes.ownersPods(pod.owner);
  const ranks = nodes.ranks();
  let best = NONE;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (let slot = 0; slot < end; slot += 1) {
    if (seen[slot] !== version[slot]) refresh(answers, pod, nodes, slot);
    if (fits[slot] === 0 || !hasRoom(pod, nodes, slot)) continue;
    const score = (specScores[slot] ?? 0) + roomScore(pod, nodes, slot, ownersPods?.get(slot) ?? 0);
    if (score < bestScore || (score === bestScore && (ranks[slot] ?? 0) > (ranks[best] ?? 0))) continue;
    best = slot;
    bestScore = score;
  }
  return best;
}

/** Each pod of a DaemonSet names its node: looking at all the others would make a fleet's rollout quadratic. */
function bestOfPinned({ nodes }: SchedulerState, pod: PodFacts, names: readonly string[]): number {
  const ranked = names.flatMap((name) => {
    const slot = nodes.slots.get(name);
    const node = slot === undefined ? undefined : nodes.facts[slot];
    if (slot === undefined || node === undefined) return [];
    if (FILTERS.spec.some(({ reject }) => reject(pod, node) !== undefined) || !hasRoom(pod, nodes, slot)) return [];
    return [{ slot, name, score: roomScore(pod, nodes, slot, 0) }];
  });
  return ranked.toSorted((a, b) => b.score - a.score || (a.name < b.name ? -1 : 1))[0]?.slot ?? NONE;
}

function hasRoom(pod: PodFacts, nodes: SchedulerState['nodes'], slot: number): boolean {
  const [ports, resources] = FILTERS.room;
  return ports.passes(pod, nodes, slot) && resources.passes(pod, nodes, slot);
}
