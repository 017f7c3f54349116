/**
 * Answers of the spec filters and spec scores, kept per pod template and node until the node changes: most pods are one of few
 * templates. An answer is never older than the node's version.
 */
import { FILTERS } from './filters.ts';
import type { NodeTable } from './node-table.ts';
import type { PodFacts } from './pod-facts.ts';
import { specScore } from './scores.ts';

export type Answers = {
  /** The version of the node that the answer is about, by slot. */
  seen: Uint32Array;
  /** 1: every spec filter lets the pod in. */
  fits: Uint8Array;
  score: Float64Array;
};

/** Kept answers take 13 bytes a node: 128 templates at 5,000 nodes are 8 MB. */
export const TEMPLATES_MAX = 128;

export class Templates {
  /** Least lately used first. */
  #answers = new Map<string, Answers>();

  /** Room for every slot; ask `refresh` for each slot whose version differs from the one seen. */
  of(pod: PodFacts, nodes: NodeTable): Answers {
    const answers = this.#answers.get(pod.template) ?? emptyAnswers(nodes.version.length);
    if (answers.seen.length < nodes.version.length) Object.assign(answers, emptyAnswers(nodes.version.length));
    this.#answers.delete(pod.template);
    this.#answers.set(pod.template, answers);
    const [oldest] = this.#answers.keys();
    if (this.#answers.size > TEMPLATES_MAX && oldest !== undefined) this.#answers.delete(oldest);
    return answers;
  }
}

export function refresh(answers: Answers, pod: PodFacts, nodes: NodeTable, slot: number): void {
  const node = nodes.facts[slot];
  const fits = node !== undefined && FILTERS.spec.every(({ reject }) => reject(pod, node) === undefined);
  answers.seen[slot] = nodes.version[slot] ?? 0;
  answers.fits[slot] = fits ? 1 : 0;
  answers.score[slot] = fits ? specScore(pod, node) : 0;
}

/** No node has version 0, so nothing counts as seen. */
function emptyAnswers(length: number): Answers {
  return { seen: new Uint32Array(length), fits: new Uint8Array(length), score: new Float64Array(length) };
}
