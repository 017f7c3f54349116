/** IntOrPercent fields (maxSurge, maxUnavailable): a count, or a percentage of some whole. */
export type CountOrPercent = number | string | undefined;

export function countOf(value: CountOrPercent, whole: number, round: 'up' | 'down'): number {
  if (typeof value !== 'string') return value ?? 0;
  if (!value.endsWith('%')) return Math.trunc(Number(value)) || 0;
  const exact = (Number(value.slice(0, -1)) * whole) / 100;
  return (round === 'up' ? Math.ceil(exact) : Math.floor(exact)) || 0;
}
