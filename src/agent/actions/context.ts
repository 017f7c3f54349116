import type { Wiring } from '#net/wire/wiring.ts';
import type { Puller } from '../images/puller.ts';
import type { Documents } from '../ledger/ledger.ts';
import type { PodEvent, PodName } from '../plan/action.ts';
import type { PodFacts } from '../render/field-ref.ts';
import type { Runtime } from '../runtime/runtime.ts';
import type { Sight } from '../sight.ts';
import type { Volumes } from '../volumes/volumes.ts';

/** What the runners of actions may use. */
export type ActionContext = {
  readonly runtime: Runtime;
  readonly wiring: Wiring;
  readonly volumes: Volumes;
  readonly puller: Puller;
  readonly sight: Sight;
  readonly documents: () => Documents;
  readonly facts: (address: string | undefined) => PodFacts;
  /** Goes out with the next commit. */
  readonly tell: (pod: PodName, event: Omit<PodEvent, 'once'>) => void;
};
