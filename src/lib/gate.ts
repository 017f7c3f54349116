/** Lets so many through at once, the others in the order they came. What was let through says when the next one may. */
export type Gate = { readonly enter: () => Promise<() => void> };

export function createGate(atOnce: number): Gate {
  const waiting: (() => void)[] = [];
  let inside = 0;
  const leave = () => {
    const next = waiting.shift();
    if (next === undefined) inside -= 1;
    else next();
  };
  return {
    enter: async () => {
      if (inside < atOnce) inside += 1;
      else await new Promise<void>((resolve) => waiting.push(resolve));
      let isOut = false;
      return () => {
        if (!isOut) leave();
        isOut = true;
      };
    },
  };
}
