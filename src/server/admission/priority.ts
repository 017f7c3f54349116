import { isBlank } from '#api/kinds/blank.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { KubeObject } from '#api/object.ts';
import type { AdmissionState } from '#rest/admission.ts';
import { ofKind, type Context } from './of-kind.ts';
import { refused } from './refusal.ts';

/** Priority: a pod's number comes from its PriorityClass, never from its author (plugin/pkg/admission/priority). */
export const priority = ofKind<Pod>('Priority', 'pods', {
  mutate: (pod, context) => (context.old === undefined ? withPriority(pod, context) : withOldPriority(pod, context.old)),
});

const CLASSES = 'priorityclasses.scheduling.k8s.io';

/** Known without being objects (pkg/apis/scheduling: SystemCriticalPriority). */
const SYSTEM_CLASSES: Readonly<Record<string, number>> = {
  'system-cluster-critical': 2_000_000_000,
  'system-node-critical': 2_000_001_000,
};

const DEFAULT_POLICY = 'PreemptLowerPriority';

type PriorityFacts = { readonly className: string; readonly value: number; readonly policy: string };

async function withPriority(pod: Pod, { attempt, state }: Context<Pod>): Promise<Pod> {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const name = spec.priorityClassName ?? '';
  const found = name === '' ? await defaultClass(state) : await namedClass(name, state);
  if (found === undefined) throw refused(attempt, `no PriorityClass with name ${name} was found`);
  const { className, value, policy } = found;
  // Zero and the default policy are what the kind fills in before (src/api/kinds/pod.ts): nobody asked for them.
  if (!isBlank(spec.priority) && spec.priority !== value)
    throw refused(
      attempt,
      `the integer value of priority (${spec.priority}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
    );
  if (!isBlank(spec.preemptionPolicy) && spec.preemptionPolicy !== DEFAULT_POLICY && spec.preemptionPolicy !== policy)
    throw refused(
      attempt,
      `the string value of PreemptionPolicy (${spec.preemptionPolicy}) must not be provided in pod spec; priority admission controller computed ${policy} from the given PriorityClass name`,
    );
  return {
    ...pod,
    spec: {
      ...spec,
      ...(className === '' ? {} : { priorityClassName: className }),
      priority: value,
      preemptionPolicy: policy,
    },
  };
}

/** An update that leaves them out does not mean to change them. */
function withOldPriority(pod: Pod, old: Pod): Pod {
  const { spec } = pod;
  if (spec === undefined) return pod;
  const value = spec.priority ?? old.spec?.priority;
  const policy = spec.preemptionPolicy ?? old.spec?.preemptionPolicy;
  return {
    ...pod,
    spec: {
      ...spec,
      ...(value === undefined ? {} : { priority: value }),
      ...(policy === undefined ? {} : { preemptionPolicy: policy }),
    },
  };
}

async function namedClass(className: string, state: AdmissionState): Promise<PriorityFacts | undefined> {
  const system = SYSTEM_CLASSES[className];
  if (system !== undefined) return { className, value: system, policy: DEFAULT_POLICY };
  const found = await state.get({ resource: CLASSES, namespace: '', name: className });
  return found === undefined ? undefined : factsOf(found);
}

/** The lowest of those that are marked as the default, or none at all. */
async function defaultClass(state: AdmissionState): Promise<PriorityFacts> {
  const { items } = await state.list({ resource: CLASSES });
  const lowest = items
    .filter((item) => item['globalDefault'] === true)
    .map(factsOf)
    .toSorted((a, b) => a.value - b.value)[0];
  return lowest ?? { className: '', value: 0, policy: DEFAULT_POLICY };
}

function factsOf({ metadata, value, preemptionPolicy }: KubeObject): PriorityFacts {
  return {
    className: metadata.name ?? '',
    value: typeof value === 'number' ? value : 0,
    policy: typeof preemptionPolicy === 'string' ? preemptionPolicy : DEFAULT_POLICY,
  };
}
