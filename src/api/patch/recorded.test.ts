import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import type { Json } from '../object.ts';
import { loadBuiltinSchema } from '../schema/builtin.ts';
import { statusOf } from '../status.ts';
import { applyJsonPatch } from './json-patch.ts';
import { applyMergePatch } from './merge-patch.ts';
import { applyStrategicPatch } from './strategic-patch.ts';

/**
 * Patches of a pod and what upstream's own libraries made of them: strategic by k8s.io/apimachinery 0.36, json and merge by
 * evanphx/json-patch 4.13. Where the server does it on purpose otherwise, the difference stands here.
 */
type Recorded = {
  readonly label: string;
  readonly type: 'strategic' | 'json' | 'merge';
  readonly document: Json;
  readonly patch: Json;
  readonly out?: Json;
  readonly error?: string;
};

// The recordings are ours and of this shape; the tests fail on any other.
const recorded = JSON.parse(readFileSync('test/support/k8s/patches.json', 'utf8')) as readonly Recorded[];
const schema = loadBuiltinSchema();

/** Texts that name types of Go. */
const OWN_WORDS: Readonly<Record<string, string>> = {
  'an order of no list': 'invalid patch format of setElementOrder list',
  'an order of no field': '$setElementOrder/nothing: there is no list "nothing" to put in order',
};

/** What upstream refuses without a word of why. */
const REJECTED = { code: 422, message: 'the server rejected our request due to an error in our request', reason: 'Invalid' };

function expectedStatus({ label, type, error = '' }: Recorded): Readonly<Record<string, unknown>> {
  if (type !== 'strategic' || error === 'lists of lists are not supported') return REJECTED;
  return { code: 400, reason: 'BadRequest', message: OWN_WORDS[label] ?? error };
}

function apply({ type, document, patch }: Recorded): Json {
  switch (type) {
    case 'strategic':
      return applyStrategicPatch(document, patch, 'io.k8s.api.core.v1.Pod', schema);
    case 'json':
      return applyJsonPatch(document, patch);
    case 'merge':
      return applyMergePatch(document, patch);
  }
}

function statusOfFailure(work: () => unknown): unknown {
  try {
    return { unexpected: work() };
  } catch (error) {
    return statusOf(error);
  }
}

test.each(recorded.map((each) => [each.type, each.label, each] as const))('%s: %s', (_type, _label, each) => {
  const before = JSON.stringify(each);
  if (each.out === undefined) expect(statusOfFailure(() => apply(each))).toMatchObject(expectedStatus(each));
  else expect(apply(each)).toEqual(each.out);
  expect(JSON.stringify(each)).toBe(before);
});
