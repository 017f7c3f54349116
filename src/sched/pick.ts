/**
 * The decision: for each unit the best node for each of its pods, or why there is none. A unit is placed whole or not at all. Every node
 * is looked at (never a sample), ties go to the name that comes first; what is decided is assumed in the state at once.
 */
import type { Pod } from '#api/kinds/pod.ts';
import { explain } from '#lib/error.ts';
import { explainUnplaced, rejectionsOf } from './explain.ts';
import { FILTERS } from './filters.ts';
import type { NodeTable } from './node-table.ts';
import { podFacts, type PodFacts } from './pod-facts.ts';
import { roomScore, specScore } from './scores.ts';
import type { SchedulerState } from './state.ts';
import { Templates } from './templates.ts';

/** One to n pods that only make sense together. */
export type Unit = { readonly pods: readonly Pod[] };

export type Bind = { readonly pod: Pod; readonly node: string };

/** What commits together, or why the unit waits: the message of its FailedScheduling event. */
export type Decision =
  | { readonly type: 'placed'; readonly unit: Unit; readonly binds: readonly Bind[] }
  | {
      readonly type: 'waits';
      readonly unit: Unit;
      readonly message: string;
      /** What was thrown at it: a bug of ours, which must not keep the other units waiting. */
      readonly bug?: unknown;
    };

const NONE = -1;

/** Units in the order they are to be served. `templates` only saves work: the decisions are the same with a fresh one. */
export function pick(state: SchedulerState, units: readonly Unit[], templates: Templates = new Templates()): readonly Decision[] {
  const refused = new Map<string, string>();
  return units.map((unit) => {
    try {
      return place(state, unit, templates, refused);
    } catch (bug) {
      for (const { metadata } of unit.pods) state.forget(metadata.uid ?? '');
      return { type: 'waits', unit, message: `the scheduler failed at this pod: ${explain(bug)}`, bug };
    }
  });
}

/** `refused`: what was told to a kin of pods. Room only shrinks while units are placed, so they need not ask again. */
function place(state: SchedulerState, unit: Unit, templates: Templates, refused: Map<string, string>): Decision {
  const binds: Bind[] = [];
  for (const pod of unit.pods) {
    const facts = podFacts(pod);
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
}

function bestSlot(state: SchedulerState, pod: PodFacts, templates: Templates): number {
  return pod.pinned === undefined ? bestOfAll(state, pod, templates) : bestOfPinned(state, pod, pod.pinned);
}

function bestOfAll({ nodes }: SchedulerState, pod: PodFacts, templates: Templates): number {
  const { fits, score } = templates.of(pod, nodes);
  const open = fits.slice(0, nodes.end);
  for (const { strike } of FILTERS.room) strike(pod, nodes, open);
  return bestOpen(pod, nodes, open, score);
}

/** Each pod of a DaemonSet names its node: looking at all the others would make a fleet's rollout quadratic. */
function bestOfPinned({ nodes }: SchedulerState, pod: PodFacts, names: readonly string[]): number {
  const open = names.flatMap((name) => {
    const slot = nodes.slots.get(name);
    const node = slot === undefined ? undefined : nodes.facts[slot];
    if (slot === undefined || node === undefined || rejectionsOf(pod, nodes, slot).length > 0) return [];
    return [{ slot, score: specScore(pod, node) }];
  });
  if (open.length <= 1) return open[0]?.slot ?? NONE;
  const [marks, scores] = [new Uint8Array(nodes.end), new Float64Array(nodes.end)];
  for (const { slot, score } of open) {
    marks[slot] = 1;
    scores[slot] = score;
  }
  return bestOpen(pod, nodes, marks, scores);
}

/** Of the slots marked 1; `specScores` by slot. The one loop over all nodes that does more than compare two numbers. */
function bestOpen(pod: PodFacts, nodes: NodeTable, open: Uint8Array, specScores: Float64Array): number {
  const { perCpu, perMemory, scoreCpu, scoreMemory } = nodes;
  const siblings = nodes.podsOfOwner(pod.owner ?? '');
  const ranks = nodes.ranks();
  let best = NONE;
  let bestScore = Number.NEGATIVE_INFINITY;
  for (let slot = 0; slot < open.length; slot += 1) {
    if (open[slot] === 0) continue;
    const cpu = ((scoreCpu[slot] ?? 0) + pod.scoreCpu) * (perCpu[slot] ?? 0);
    const memory = ((scoreMemory[slot] ?? 0) + pod.scoreMemory) * (perMemory[slot] ?? 0);
    const score = (specScores[slot] ?? 0) + roomScore(cpu, memory, siblings[slot] ?? 0);
    if (score < bestScore || (score === bestScore && (ranks[slot] ?? 0) > (ranks[best] ?? 0))) continue;
    best = slot;
    bestScore = score;
  }
  return best;
}
