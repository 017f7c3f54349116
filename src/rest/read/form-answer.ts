import { stringifyYaml } from '#api/encoding/yaml.ts';
import type { KubeObject } from '#api/object.ts';
import { json } from '../answer.ts';
import type { Call } from '../options.ts';
import type { Answer } from '../request.ts';
import { inForm, listInForm, type Form, type ListMeta } from './form.ts';

/** Objects and lists as answers, in the form that was negotiated. */
export function objectAnswer(call: Call, form: Form, object: KubeObject, status = 200): Answer {
  const encoded = form.as === 'object' && !form.yaml ? call.api.encoded?.(object) : undefined;
  if (encoded !== undefined) return { type: 'value', status, headers: { 'content-type': 'application/json' }, body: encoded };
  const door = call.resource.subresources[call.subresource];
  return valueAnswer(form, inForm(form, door?.type === 'scale' ? door : call.resource, object, call.api.clock.now()), status);
}

export function listAnswer(call: Call, form: Form, items: readonly KubeObject[], metadata: ListMeta): Answer {
  return valueAnswer(form, listInForm(form, call.resource, call.version, items, metadata, call.api.clock.now()), 200);
}

/** What has one shape in every form: a Status. */
export function valueAnswer(form: Form, value: unknown, status: number): Answer {
  if (form.as !== 'object' || !form.yaml) return json(value, status);
  return { type: 'value', status, headers: { 'content-type': 'application/yaml' }, body: stringifyYaml(value) };
}
