import { seededIds } from '../../src/lib/ids.ts';

/** The simulation's own dice, apart from those of the parts under test, so that a change in these does not reshuffle the story. */
export type Chance = {
  /** A whole number from `min` to `max`, both included. */
  readonly between: (min: number, max: number) => number;
  readonly oneOf: <T>(choices: readonly T[]) => T;
  readonly happens: (share: number) => boolean;
  /** One of the keys, each as often as its weight says. */
  readonly weighted: <K extends string>(weights: Readonly<Record<K, number>>) => K;
};

export function chanceOf(seed: number): Chance {
  const { random } = seededIds(seed);
  const between = (min: number, max: number) => min + Math.floor(random() * (max - min + 1));
  return {
    between,
    oneOf: (choices) => {
      const choice = choices[between(0, choices.length - 1)];
      if (choice === undefined) throw new Error('a choice of nothing');
      return choice;
    },
    happens: (share) => random() < share,
    weighted: (weights) => {
      // Sound: the entries of a record by its own keys.
      const entries = Object.entries(weights) as [keyof typeof weights & string, number][];
      let left = random() * entries.reduce((sum, [, weight]) => sum + weight, 0);
      for (const [key, weight] of entries) {
        left -= weight;
        if (left < 0) return key;
      }
      throw new Error('no weight was drawn');
    },
  };
}
