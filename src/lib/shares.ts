/**
 * A limit that many hold parts of, and nobody all of it: so many at once, of one holder so many. Whoever floods what it limits finds its own limit first,
 * and takes nothing from the others.
 */
export type Shares = {
  /** False: there is no more, or not for this holder. What was taken is given back once. */
  readonly take: (holder: string) => boolean;
  readonly give: (holder: string) => void;
};

export function createShares(max: number, maxEach: number): Shares {
  const held = new Map<string, number>();
  let all = 0;
  return {
    take: (holder) => {
      const its = held.get(holder) ?? 0;
      if (all >= max || its >= maxEach) return false;
      all += 1;
      held.set(holder, its + 1);
      return true;
    },
    give: (holder) => {
      const left = (held.get(holder) ?? 0) - 1;
      all -= 1;
      if (left > 0) held.set(holder, left);
      else held.delete(holder);
    },
  };
}
