import type { FileStep } from './file-steps.ts';
import type { Layout, Mode } from './layout.ts';
import { setCurrentSteps } from './slots.ts';
import { beginTrialSteps, type NewTrial } from './trial.ts';

/**
 * From one release to another that is in its slot already. The trial comes first: cut in between, it names what is not current, which
 * `launch` takes for no trial; the other way round a release would start that nobody takes back.
 */
export type Switch = {
  readonly to: string;
  /** What comes back: a release that has proved itself. */
  readonly back: string;
  readonly trials: readonly (Pick<NewTrial, 'needs' | 'limitSeconds'> & { readonly mode: Mode })[];
};

export function switchSteps(layout: Layout, { to, back, trials }: Switch): readonly FileStep[] {
  return [
    { do: 'remove', path: layout.goneBack },
    ...trials.flatMap(({ mode, ...trial }) => beginTrialSteps(layout, mode, { to, back, ...trial })),
    ...setCurrentSteps(layout, to),
  ];
}
