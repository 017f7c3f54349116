import { omit } from '#api/omit.ts';
import { apiVersion } from '#api/registry.ts';
import type { Resource, ResourceVersion } from '#api/resource.ts';
import { apiError } from '#api/status.ts';
import type { KubeObject } from '#api/object.ts';

/** In what form objects are answered: as they are, as rows of a Table, or their metadata alone. Negotiated from Accept. */
export type Form =
  | { readonly as: 'object'; readonly yaml: boolean }
  | { readonly as: 'table'; readonly version: string; readonly include: 'Metadata' | 'Object' | 'None' }
  | { readonly as: 'partial'; readonly version: string };

/** In which upstream answers, too. */
const OTHERS = ['application/vnd.kubernetes.protobuf', 'application/cbor'];

/** Throws 406. Takes the best alternative that can be served, as upstream: by weight, then in their order. No stream is YAML. */
export function negotiate(accept: string | undefined, query: URLSearchParams, isStream = false): Form {
  const alternatives = (accept === undefined || accept.trim() === '' ? '*/*' : accept)
    .split(',')
    .map(parseMedia)
    .filter(({ weight }) => weight > 0)
    .toSorted((a, b) => b.weight - a.weight);
  for (const { type, parameters } of alternatives) {
    const yaml = type === 'application/yaml';
    if (yaml ? isStream : !['application/json', 'application/*', '*/*'].includes(type)) continue;
    const as = parameters.get('as');
    const group = parameters.get('g');
    const version = parameters.get('v') ?? '';
    if (as === undefined) return { as: 'object', yaml };
    if (yaml || group !== 'meta.k8s.io' || !['v1', 'v1beta1'].includes(version)) continue;
    if (as === 'Table') return { as: 'table', version, include: includeOf(query.get('includeObject')) };
    if (as === 'PartialObjectMetadata' || as === 'PartialObjectMetadataList') return { as: 'partial', version };
  }
  const isKnown = isStream || alternatives.some(({ type, parameters }) => parameters.has('as') || OTHERS.includes(type));
  throw isKnown
    ? apiError(
        'NotAcceptable',
        `only the following media types are accepted: application/json${isStream ? '' : ', application/yaml'}`,
      )
    : apiError('NotAcceptable', '406: Not Acceptable', {});
}

function includeOf(text: string | null): 'Metadata' | 'Object' | 'None' {
  return text === 'Object' || text === 'None' ? text : 'Metadata';
}

type Media = { readonly type: string; readonly parameters: ReadonlyMap<string, string>; readonly weight: number };

function parseMedia(text: string): Media {
  const [type = '', ...rest] = text.split(';').map((part) => part.trim());
  const parameters = new Map(
    rest.map((part) => part.split('=')).map(([key = '', value = '']) => [key.toLowerCase(), value.replaceAll('"', '')] as const),
  );
  const weight = Number(parameters.get('q') ?? 1);
  return { type: type.toLowerCase(), parameters, weight: Number.isNaN(weight) ? 1 : weight };
}

export type ListMeta = { readonly resourceVersion: string; readonly continue?: string; readonly remainingItemCount?: number };

/** What a Table shows of objects: a resource, or the view of it that a subresource gives. */
export type Shown = Pick<Resource, 'columns' | 'cells'>;

/** One object in a form. `first`: a Table that names its columns. */
export function inForm(form: Form, shown: Shown, object: KubeObject, now: number, first = true): unknown {
  switch (form.as) {
    case 'object':
      return object;
    case 'partial':
      return partial(object, form.version);
    case 'table':
      return table(form, shown, [object], { resourceVersion: object.metadata.resourceVersion ?? '' }, now, first);
  }
}

export function listInForm(
  form: Form,
  resource: Resource,
  version: ResourceVersion,
  items: readonly KubeObject[],
  metadata: ListMeta,
  now: number,
): unknown {
  switch (form.as) {
    case 'object':
      return {
        kind: `${resource.kind}List`,
        apiVersion: apiVersion(resource.group, version.version),
        metadata,
        items: items.map(withoutType),
      };
    case 'partial':
      return {
        kind: 'PartialObjectMetadataList',
        apiVersion: `meta.k8s.io/${form.version}`,
        metadata,
        items: items.map((item) => partial(item, form.version)),
      };
    case 'table':
      return table(form, resource, items, metadata, now, true);
  }
}

function table(
  form: Extract<Form, { readonly as: 'table' }>,
  shown: Shown,
  items: readonly KubeObject[],
  metadata: ListMeta,
  now: number,
  columns: boolean,
): unknown {
  const object = (item: KubeObject) =>
    form.include === 'None' ? {} : { object: form.include === 'Object' ? item : partial(item, form.version) };
  return {
    kind: 'Table',
    apiVersion: `meta.k8s.io/${form.version}`,
    metadata,
    columnDefinitions: columns ? shown.columns.map(({ format = '', ...column }) => ({ ...column, format })) : null,
    rows: items.map((item) => ({ cells: shown.cells(item, now), ...object(item) })),
  };
}

function partial({ metadata }: KubeObject, version: string): unknown {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata };
}

/** Items of a typed list carry neither kind nor apiVersion. */
function withoutType(item: KubeObject): unknown {
  return omit(item, 'apiVersion', 'kind');
}
