/**
 * Answers of the spec filters and spec scores, kept per pod template and node until the node changes: most pods are one of few
 * templates. An answer is never older than the node's version.
 */
import { FILTERS } from './filters.ts';
import type { NodeTable } from './node-table.ts';
import type { PodFacts } from './pod-facts.ts';
import { specScore } from './scores.ts';

export type Answers = {
  /** That of the table when all answers were up to date. */
  generation: number;
  /** The version of the node that the answer is about, by slot. */
  readonly seen: Uint32Array;
  /** 1: every spec filter lets the pod in. */
  readonly fits: Uint8Array;
  readonly score: Float64Array;
};

/** What all kept answers may take together: 315 templates at 5,000 nodes. */
export const TEMPLATES_BYTES_MAX = 32 * 1024 * 1024;
const SLOT_BYTES = 13;

export class Templates {
  /** Least lately used first. */
  #answers = new Map<string, Answers>();

  /** Up to date for every slot. */
  of(pod: PodFacts, nodes: NodeTable): Answers {
    const kept = this.#answers.get(pod.template);
    const answers = kept?.seen.length === nodes.version.length ? kept : emptyAnswers(nodes.version.length);
    this.#answers.delete(pod.template);
    this.#answers.set(pod.template, answers);
    const [oldest] = this.#answers.keys();
    const tooMany = this.#answers.size * nodes.version.length * SLOT_BYTES > TEMPLATES_BYTES_MAX;
    if (tooMany && oldest !== undefined) this.#answers.delete(oldest);
    if (answers.generation === nodes.generation) return answers;
    for (let slot = 0; slot < nodes.end; slot += 1)
      if (answers.seen[slot] !== nodes.version[slot]) refresh(answers, pod, nodes, slot);
    answers.generation = nodes.generation;
    return answers;
  }
}

function refresh(answers: Answers, pod: PodFacts, nodes: NodeTable, slot: number): void {
  const node = nodes.facts[slot];
  const fits = node !== undefined && FILTERS.spec.every(({ reject }) => reject(pod, node) === undefined);
  answers.seen[slot] = nodes.version[slot] ?? 0;
  answers.fits[slot] = fits ? 1 : 0;
  answers.score[slot] = fits ? specScore(pod, node) : 0;
}

/** No node has version 0, so nothing counts as seen. */
function emptyAnswers(length: number): Answers {
  return { generation: 0, seen: new Uint32Array(length), fits: new Uint8Array(length), score: new Float64Array(length) };
}
