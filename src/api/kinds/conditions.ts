/** Conditions of any kind: a list keyed by type, whose lastTransitionTime moves only with the status. */
import { rfc3339 } from '#lib/time.ts';

export type ConditionLike = {
  readonly type: string;
  readonly status: string;
  readonly reason?: string;
  readonly message?: string;
  readonly lastTransitionTime?: string;
};

export function findCondition<T extends ConditionLike>(conditions: readonly T[] | undefined, type: string): T | undefined {
  return conditions?.find((condition) => condition.type === type);
}

export function isConditionTrue(conditions: readonly ConditionLike[] | undefined, type: string): boolean {
  return findCondition(conditions, type)?.status === 'True';
}

/** The list with this condition, in the place of the one of its type or at the end. The same list if it says nothing new. */
export function setCondition<T extends ConditionLike>(
  conditions: readonly T[] | undefined,
  condition: T,
  now: number,
): readonly T[] {
  const list = conditions ?? [];
  const old = findCondition(list, condition.type);
  const time = old !== undefined && old.status === condition.status ? old.lastTransitionTime : undefined;
  const next: T = { ...condition, lastTransitionTime: time ?? rfc3339(now) };
  if (old === undefined) return [...list, next];
  const keys = [...new Set([...Object.keys(old), ...Object.keys(next)])];
  // Sound: both are conditions, compared key by key as plain data.
  const [before, after] = [old as Readonly<Record<string, unknown>>, next as Readonly<Record<string, unknown>>];
  if (keys.every((key) => before[key] === after[key])) return list;
  return list.map((each) => (each === old ? next : each));
}
