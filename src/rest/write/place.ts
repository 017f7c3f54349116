import type { KubeObject } from '#api/object.ts';
import { badRequestError } from '#api/status.ts';
import type { Call } from '../options.ts';

/**
 * Whether an object that was sent is the one that the URL means. What lives in no namespace may name one all the same: upstream drops it.
 * Each throws 400 in upstream's words, which differ for what is created and what is written over.
 */
export function checkNamespace({ resource, namespace: asked }: Call, { metadata: { namespace = '' } }: KubeObject): void {
  if (resource.namespaced && namespace !== '' && namespace !== asked)
    throw badRequestError('the namespace of the provided object does not match the namespace sent on the request');
}

export function checkPlace({ resource, namespace: asked }: Call, { metadata }: KubeObject, name: string): void {
  const { name: given = '', namespace = '' } = metadata;
  if (given === '')
    throw badRequestError(`the name of the object (${name} based on URL) was undeterminable: name must be provided`);
  if (given !== name) throw badRequestError(`the name of the object (${given}) does not match the name on the URL (${name})`);
  if (resource.namespaced && namespace !== '' && namespace !== asked)
    throw badRequestError(`the namespace of the object (${namespace}) does not match the namespace on the request (${asked})`);
}
