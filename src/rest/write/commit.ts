import type { KubeObject } from '#api/object.ts';
import { MODIFIED, alreadyExistsError, conflictError, invalidError, notFoundError } from '#api/status.ts';
import type { Resource } from '#api/resource.ts';
import { hasCode } from '#lib/error.ts';
import { rfc3339 } from '#lib/time.ts';
import type { Call } from '../options.ts';
import type { Key, Write } from '../storage.ts';

/**
 * The commit stage: an object, what is born with it, the rows of its claims and what guards them, in one commit. A dry run stops before it. Claims
 * (Strategy.claims) are rows of their own, absent before and gone with the object, so that a name is never given twice.
 */
export const CLAIMS = 'claims';

export function keyOf(resource: Resource, namespace: string, name: string): Key {
  return { resource: resource.id, namespace: resource.namespaced ? namespace : '', name };
}

/** Commits `next` over `old` (either may be absent) and gives what is stored; rejects with API errors of this object. */
export async function commitObject(
  call: Call,
  key: Key,
  old: KubeObject | undefined,
  next: KubeObject | undefined,
): Promise<KubeObject | undefined> {
  if (call.dryRun) return next;
  const { resource, api } = call;
  const writes = [
    objectWrite(resource, key, old, next),
    ...claimWrites(resource, old, next),
    ...(old === undefined && next !== undefined ? await companionWrites(call, next) : []),
  ];
  try {
    const { objects } = await api.storage.commit(writes);
    return objects[0];
  } catch (error) {
    throw named(call, key, writes, next, error);
  }
}

function objectWrite(resource: Resource, key: Key, old: KubeObject | undefined, next: KubeObject | undefined): Write {
  const kept = next ?? old;
  const durable = kept === undefined || resource.strategy.backend?.(kept) !== 'memory';
  const revision = Number(old?.metadata.resourceVersion);
  return { key, object: next, durable, expect: old === undefined ? { absent: true } : { revision } };
}

function claimWrites(resource: Resource, old: KubeObject | undefined, next: KubeObject | undefined): readonly Write[] {
  const { claims } = resource.strategy;
  if (claims === undefined) return [];
  const before = new Set(old === undefined ? [] : claims(old));
  const after = new Set(next === undefined ? [] : claims(next));
  const claimKey = (name: string): Key => ({ resource: CLAIMS, namespace: '', name });
  const claim = (name: string): KubeObject => ({
    apiVersion: 'skerry.dev/v1',
    kind: 'Claim',
    metadata: { name },
    holder: {
      resource: resource.id,
      namespace: next?.metadata.namespace ?? '',
      name: next?.metadata.name ?? '',
      uid: next?.metadata.uid ?? '',
    },
  });
  return [
    ...[...after.difference(before)].map((name): Write => ({
      key: claimKey(name),
      object: claim(name),
      expect: { absent: true },
    })),
    ...[...before.difference(after)].map((name): Write => ({ key: claimKey(name), object: undefined })),
  ];
}

/** What is there already (left over from a commit of before there were companions) stays as it is. */
async function companionWrites({ api, resource }: Call, created: KubeObject): Promise<readonly Write[]> {
  const writes: Write[] = [];
  for (const { resource: id, object } of api.companions?.(resource, created) ?? []) {
    const { namespace = '', name = '' } = object.metadata;
    const key = { resource: id, namespace, name };
    if ((await api.storage.get(key)) !== undefined) continue;
    const { creationTimestamp = rfc3339(api.clock.now()) } = created.metadata;
    const metadata = { ...object.metadata, uid: api.ids.uuid(), creationTimestamp };
    writes.push({ key, object: { ...object, metadata }, expect: { absent: true } });
  }
  return writes;
}

function named(call: Call, key: Key, writes: readonly Write[], next: KubeObject | undefined, error: unknown): unknown {
  const { resource } = call;
  if (!hasCode(error, 'AlreadyExists', 'Conflict', 'NotFound')) return error;
  const failed = writes[Number(error.details.index ?? 0)];
  const plural = { group: resource.group, name: resource.plural };
  if (failed !== undefined && failed.key.resource === CLAIMS) return claimTaken(resource, key.name, failed.key.name, next);
  if (error.code === 'AlreadyExists') return alreadyExistsError(plural, key.name);
  if (error.code === 'NotFound') return notFoundError(plural, key.name);
  return conflictError(plural, key.name, MODIFIED);
}

/** `cluster-ip/10.96.0.7` is told as the field that holds it. */
function claimTaken(resource: Resource, name: string, claim: string, next: KubeObject | undefined): unknown {
  const [sort = ''] = claim.split('/');
  return invalidError({ group: resource.group, name: resource.kind }, next?.metadata.name ?? name, [
    {
      reason: 'FieldValueInvalid',
      field: CLAIM_FIELDS[sort] ?? 'spec',
      message: `Invalid value: ${JSON.stringify(claim.slice(claim.indexOf('/') + 1))}: ${ALREADY_ALLOCATED}`,
    },
  ]);
}

export const ALREADY_ALLOCATED = 'provided value is already allocated';

const CLAIM_FIELDS: Readonly<Record<string, string>> = {
  'cluster-ip': 'spec.clusterIPs',
  'node-port': 'spec.ports.nodePort',
  'pod-cidr': 'spec.podCIDR',
};
