import { builtinResources } from '../../src/api/kinds/builtin.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { createRegistry } from '../../src/api/registry.ts';
import { statusOf } from '../../src/api/status.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { seededIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import type { ApiOptions, Call } from '../../src/rest/options.ts';
import type { User } from '../../src/rest/request.ts';
import { createObject } from '../../src/rest/write/create.ts';
import { deleteObject } from '../../src/rest/write/delete.ts';
import { updateObject } from '../../src/rest/write/update.ts';
import { builtinAdmissions, type AdmissionOptions } from '../../src/server/admission/builtin.ts';
import { createAuthorizer } from '../../src/server/auth/authorizer.ts';
import { openTestStore } from './store.ts';

/** The plugins in the real pipeline on a real store; `namespaces` are there, `objects` created first. */
export async function openCluster(options: ClusterOptions = {}) {
  const { seed = 1, serviceCIDR, namespaces = ['default', 'shop'], apiServer, file } = options;
  const store = await openTestStore(file === undefined ? {} : { file });
  const ids = seededIds(seed);
  const admissions = builtinAdmissions({
    authorizer: createAuthorizer(store.view),
    ids,
    ...(serviceCIDR === undefined ? {} : { serviceCIDR }),
    ...(apiServer === undefined ? {} : { apiServer }),
  });
  const registry = createRegistry(builtinResources);
  const api: ApiOptions = {
    registry: () => registry,
    schema: { definitions: {} } as unknown as ApiOptions['schema'], // Nothing is decoded here.
    storage: store.storage,
    admissions,
    authorize: async () => ({ allowed: true, reason: '' }),
    connectors: {},
    computed: {},
    paths: {},
    clock: systemClock,
    ids,
    log: silentLog,
    release: '0.0.0',
    readiness: () => ({}),
  };
  const callOf = (resourceId: string, namespace: string, dryRun = false): Call => {
    const resource = registry.byId(resourceId);
    const version = resource?.versions[0];
    if (resource === undefined || version === undefined) throw new Error(`no resource ${resourceId}`);
    return { api, resource, version, subresource: '', namespace, user: USER, dryRun, warn: () => undefined };
  };
  const create = (resource: string, object: Body, namespace = 'default', dryRun = false) =>
    createObject(callOf(resource, namespace, dryRun), bodyOf(object));
  const update = async (resource: string, name: string, change: (old: KubeObject) => KubeObject, namespace = 'default') =>
    (await updateObject(callOf(resource, namespace), name, { apply: change })).object;
  const updateStatus = async (resource: string, name: string, status: object, user: User) =>
    updateObject({ ...callOf(resource, 'default'), subresource: 'status', user }, name, { apply: (old) => ({ ...old, status }) });
  const remove = (resource: string, name: string, namespace = 'default') => deleteObject(callOf(resource, namespace), name, {});
  const put = (resource: string, object: KubeObject) =>
    store.storage.commit([
      {
        key: { resource, namespace: object.metadata.namespace ?? '', name: object.metadata.name ?? '' },
        object,
      },
    ]);
  for (const name of namespaces) await create('namespaces', { kind: 'Namespace', metadata: { name } }, '');
  return { store, create, update, updateStatus, remove, put, claims: () => claimsOf(store.view().list('claims')) };
}

type ClusterOptions = Pick<AdmissionOptions, 'serviceCIDR' | 'apiServer'> & {
  readonly seed?: number;
  readonly namespaces?: readonly string[];
  /** Default: in memory. */
  readonly file?: string;
};
export type Body = { readonly kind: string; readonly metadata: KubeObject['metadata']; readonly [field: string]: unknown };

export const USER: User = { name: 'jane', groups: ['system:masters'] };

const bodyOf = (object: Body): KubeObject => ({ apiVersion: 'v1', ...object });
const claimsOf = (claims: readonly KubeObject[]) => claims.map(({ metadata }) => metadata.name ?? '');

export const pod = (spec: object = {}, metadata: object = {}): Body => ({
  kind: 'Pod',
  metadata: { name: 'p', ...metadata },
  spec: { containers: [{ name: 'c', image: 'nginx:1' }], ...spec },
});

export const service = (spec: object = {}, name = 'web'): Body => ({
  kind: 'Service',
  metadata: { name },
  spec: { ports: [{ port: 80 }], selector: { app: 'web' }, ...spec },
});

/** The Status that a write is refused with. */
export async function refusalOf(write: Promise<unknown>) {
  const error: unknown = await write.then(
    () => 'it went through',
    (reason: unknown) => reason,
  );
  const { code, reason, message, details } = statusOf(error);
  return { code, reason, message, details };
}

export const specOf = (object: KubeObject) => object['spec'] as Readonly<Record<string, unknown>>; // Of pods and services, which have one.
