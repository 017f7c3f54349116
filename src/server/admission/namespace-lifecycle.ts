import type { KubeObject } from '#api/object.ts';
import { apiError, notFoundError } from '#api/status.ts';
import type { Admission, AdmissionState, Attempt } from '#rest/admission.ts';
import { objectOf } from './of-kind.ts';
import { refused } from './refusal.ts';

/**
 * NamespaceLifecycle: nothing is created in a namespace that is not there or is going away, and those the cluster itself lives in stay.
 * Updates are not looked at: what they change was created in a namespace.
 */
export const namespaceLifecycle: Admission = {
  name: 'NamespaceLifecycle',
  // The namespace first: upstream tells of a missing one before it looks at the object.
  mutate: async (attempt, state) => {
    if (attempt.verb === 'create' && attempt.namespace !== '') await checkNamespace(attempt, state);
    return objectOf(attempt);
  },
  validate: async (attempt) => {
    if (attempt.verb === 'delete' && attempt.resource.id === 'namespaces' && IMMORTAL.includes(attempt.name))
      throw refused(attempt, 'this namespace may not be deleted');
  },
};

/** kube-node-lease is ours to add: without it every node would be taken for dead. */
const IMMORTAL = ['default', 'kube-system', 'kube-public', 'kube-node-lease'];

/** To say whether the namespace is there would tell who may not know it. */
const REVIEW = 'localsubjectaccessreviews.authorization.k8s.io';

async function checkNamespace(attempt: Attempt, state: AdmissionState): Promise<void> {
  const { namespace, resource } = attempt;
  if (resource.id === REVIEW) return;
  const found = await state.get({ resource: 'namespaces', namespace: '', name: namespace });
  if (found === undefined) throw notFoundError({ group: '', name: 'namespaces' }, namespace);
  if (!isTerminating(found)) return;
  const error = refused(attempt, `unable to create new content in namespace ${namespace} because it is being terminated`);
  throw apiError(error.code, error.message, {
    ...error.details,
    causes: [
      { reason: 'NamespaceTerminating', message: `namespace ${namespace} is being terminated`, field: 'metadata.namespace' },
    ],
  });
}

function isTerminating({ metadata, status }: KubeObject): boolean {
  const phase = typeof status === 'object' && status !== null && 'phase' in status ? status.phase : undefined;
  return metadata.deletionTimestamp !== undefined || phase === 'Terminating';
}
