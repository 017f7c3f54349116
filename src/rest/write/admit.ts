import type { KubeObject } from '#api/object.ts';
import type { Attempt } from '../admission.ts';
import type { Call } from '../options.ts';

/** The admission stages: mutating plugins in order, each given what the one before it left; later the validating ones. */
export async function mutate(call: Call, name: string, object: KubeObject, old?: KubeObject): Promise<KubeObject> {
  let current = object;
  for (const plugin of call.api.admissions) {
    if (plugin.mutate === undefined) continue;
    current = await plugin.mutate(attempt(call, name, current, old), call.api.storage);
  }
  return current;
}

export async function admit(call: Call, name: string, object: KubeObject | undefined, old?: KubeObject): Promise<void> {
  for (const plugin of call.api.admissions) await plugin.validate?.(attempt(call, name, object, old), call.api.storage);
}

function attempt(call: Call, name: string, object: KubeObject | undefined, old: KubeObject | undefined): Attempt {
  const { resource, subresource, namespace, user, dryRun, warn } = call;
  return {
    verb: object === undefined ? 'delete' : old === undefined ? 'create' : 'update',
    resource,
    subresource,
    namespace,
    name,
    user,
    dryRun,
    warn,
    ...(object === undefined ? {} : { object }),
    ...(old === undefined ? {} : { old }),
  };
}
