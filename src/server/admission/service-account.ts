import type { Pod } from '#api/kinds/pod.ts';
import type { ServiceAccount } from '#api/kinds/service-account.ts';
import type { Ids } from '#lib/ids.ts';
import type { Admission, AdmissionState } from '#rest/admission.ts';
import { ofKind, type Context } from './of-kind.ts';
import { refused } from './refusal.ts';
import { withTokenVolume } from './token-volume.ts';

/**
 * ServiceAccount: every pod runs as one that exists. `default` is taken as given: it is born with its namespace, and a controller puts back one that
 * was deleted. New pods get its token (token-volume.ts); those that are there stay as they are.
 */
export function serviceAccount(ids: Pick<Ids, 'suffix'>): Admission {
  return ofKind<Pod>('ServiceAccount', 'pods', {
    mutate: (pod, context) => (context.old === undefined ? withAccount(pod, context, ids) : pod),
  });
}

const DEFAULT_ACCOUNT = 'default';
const MIRROR_ANNOTATION = 'kubernetes.io/config.mirror';

async function withAccount(pod: Pod, context: Context<Pod>, ids: Pick<Ids, 'suffix'>): Promise<Pod> {
  const { spec } = pod;
  if (spec === undefined) return pod;
  if (pod.metadata.annotations?.[MIRROR_ANNOTATION] !== undefined) {
    checkMirror(pod, context);
    return pod;
  }
  const given = spec.serviceAccountName ?? '';
  const name = given === '' ? DEFAULT_ACCOUNT : given;
  const account = await find(context.state, context.attempt.namespace, name);
  if (account === undefined && name !== DEFAULT_ACCOUNT)
    throw refused(
      context.attempt,
      `error looking up service account ${context.attempt.namespace}/${name}: serviceaccount "${name}" not found`,
    );
  const own = spec.imagePullSecrets ?? [];
  const pullSecrets = own.length === 0 ? (account?.imagePullSecrets ?? []) : own;
  return {
    ...pod,
    spec: {
      ...withTokenVolume(spec, account, ids.suffix),
      serviceAccountName: name,
      ...(pullSecrets.length === 0 ? {} : { imagePullSecrets: pullSecrets }),
    },
  };
}

/** The image of a static pod, which has no rights in the cluster. */
function checkMirror({ spec }: Pod, { attempt }: Context<Pod>): void {
  if ((spec?.serviceAccountName ?? '') !== '') throw refused(attempt, 'a mirror pod may not reference service accounts');
  if (spec?.volumes?.some(({ secret }) => secret !== undefined) === true)
    throw refused(attempt, 'a mirror pod may not reference secrets');
}

async function find(state: AdmissionState, namespace: string, name: string): Promise<ServiceAccount | undefined> {
  // Sound: what is kept under this resource was checked against its schema when it was written.
  return (await state.get({ resource: 'serviceaccounts', namespace, name })) as ServiceAccount | undefined;
}
