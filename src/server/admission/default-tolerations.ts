import type { Pod, Toleration } from '#api/kinds/pod.ts';
import { ofKind } from './of-kind.ts';

/**
 * DefaultTolerationSeconds with this product's offline policy (ARCHITECTURE.md, Deviations): pods stay on a node that is not ready or unreachable for as
 * long as it takes, where upstream evicts after 300 s. Who wants replacement names the taint with tolerationSeconds.
 */
export const defaultTolerations = ofKind<Pod>('DefaultTolerationSeconds', 'pods', {
  mutate: (pod) => {
    const named = pod.spec?.tolerations ?? [];
    const added = OFFLINE_TAINTS.filter((key) => !named.some((toleration) => covers(toleration, key)));
    if (pod.spec === undefined || added.length === 0) return pod;
    const tolerations = [...named, ...added.map((key) => ({ key, operator: 'Exists', effect: 'NoExecute' }))];
    return { ...pod, spec: { ...pod.spec, tolerations } };
  },
});

const OFFLINE_TAINTS = ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable'];

function covers({ key = '', effect = '' }: Toleration, taint: string): boolean {
  return (key === '' || key === taint) && (effect === '' || effect === 'NoExecute');
}
