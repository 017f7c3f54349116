import type { KubeObject } from '#api/object.ts';
import type { Call } from '../options.ts';
import type { Form } from './form.ts';
import { FrameStream } from './frame-stream.ts';
import { listObjects, matcher } from './list.ts';
import type { ListOptions } from './query.ts';

/**
 * A watch: first the state, where the caller asks for it, then what changes. Objects that enter the selector are ADDED, that leave it
 * DELETED. Rejects before the first frame with 400, 422 or 429; a revision too old, and later failures, are an ERROR frame. Ends at its time or when `signal` aborts.
 */
export async function watchObjects(
  call: Call,
  options: ListOptions,
  form: Form,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const stream = new FrameStream(call, form, inScope(call, matcher(call, options)), options, signal);
  const { resourceVersion: asked, sendInitialEvents } = options;
  const isAny = asked === '' || asked === '0';
  if (sendInitialEvents ?? isAny) {
    const { items, revision } = await listObjects(call, { ...options, limit: 0, continueToken: '', resourceVersionMatch: '' });
    return stream.fromState(items, revision);
  }
  return stream.from(isAny ? call.api.storage.revision() : Number(asked));
}

function inScope({ namespace, resource }: Call, matches: (object: KubeObject) => boolean): (object: KubeObject) => boolean {
  const all = !resource.namespaced || namespace === '';
  return (object) => (all || object.metadata.namespace === namespace) && matches(object);
}
