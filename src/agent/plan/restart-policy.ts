import type { Container } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';

export type Role = 'init' | 'sidecar' | 'app';

export type PodContainer = { readonly role: Role; readonly container: Container };

/** Every container of a pod in starting order, with what it is. */
export function containersOf(item: PodItem): readonly PodContainer[] {
  const init = (item.spec.initContainers ?? []).map((container): PodContainer => ({
    role: container.restartPolicy === 'Always' ? 'sidecar' : 'init',
    container,
  }));
  return [...init, ...item.spec.containers.map((container): PodContainer => ({ role: 'app', container }))];
}

/** Whether a container that a failed probe has stopped is to run again, however it ends. */
export function restartsAfterProbe(item: PodItem, { role, container }: PodContainer): boolean {
  return role === 'sidecar' || (container.restartPolicy ?? item.spec.restartPolicy ?? 'Always') !== 'Never';
}

/** Whether a container that ended with this code is to run again (upstream: ShouldContainerBeRestarted, KEP-5307 for rules). */
export function restartsAfter(item: PodItem, { role, container }: PodContainer, exitCode: number): boolean {
  if (role === 'sidecar') return true;
  const rule = container.restartPolicyRules?.find(({ exitCodes }) => {
    const listed = exitCodes?.values?.includes(exitCode) === true;
    return exitCodes?.operator === 'NotIn' ? !listed : listed;
  });
  if (rule?.action === 'Restart') return true;
  const policy = container.restartPolicy ?? item.spec.restartPolicy ?? 'Always';
  // An init container that succeeded is done under every policy.
  if (role === 'init') return exitCode !== 0 && policy !== 'Never';
  return policy === 'Always' || (policy === 'OnFailure' && exitCode !== 0);
}
