import type { FieldValidation } from '#api/encoding/decode-body.ts';
import { forbidden, invalid, notSupported, tooLong, type FieldError } from '#api/field-error.ts';
import { invalidError } from '#api/status.ts';
import type { Verb } from '../request.ts';

/**
 * CreateOptions, UpdateOptions and PatchOptions of a query, and of DeleteOptions what stands there; its body is read elsewhere.
 * The rules are those of apimachinery/pkg/apis/meta/v1/validation. fieldManager is checked only: field ownership comes later.
 */
export type WriteOptions = { readonly dryRun: boolean; readonly fieldValidation: FieldValidation };

/** Throws 422. A reading verb has none of these. */
export function writeOptions(query: URLSearchParams, verb: Verb, contentType: string | undefined): WriteOptions {
  const kind = KINDS[verb];
  if (kind === undefined) return { dryRun: false, fieldValidation: 'Warn' };
  const asked = query.get('fieldValidation') ?? '';
  const fieldValidation = asked === '' ? 'Warn' : VALIDATIONS.find((each) => each === asked);
  const errors = [
    ...(verb === 'patch' && query.has('force') && !isApply(contentType) ? [FORCED] : []),
    ...fieldManagerErrors(query.get('fieldManager') ?? ''),
    ...(fieldValidation === undefined && isWithBody(verb) ? [notSupported('fieldValidation', asked, ['', ...VALIDATIONS])] : []),
  ];
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', name: kind }, '', errors);
  const dryRun = isDryRun(
    query.getAll('dryRun').filter((text) => text !== ''),
    kind,
  );
  return { dryRun, fieldValidation: fieldValidation ?? 'Warn' };
}

/** `dryRun` of a query or of DeleteOptions: absent or `All`; anything else is refused, for it must never count as "do it". */
export function isDryRun(asked: readonly unknown[], kind: string): boolean {
  if (asked.length === 0) return false;
  if (asked.every((text) => text === 'All')) return true;
  throw invalidError({ group: 'meta.k8s.io', name: kind }, '', [
    {
      reason: 'FieldValueNotSupported',
      field: 'dryRun',
      message: `Unsupported value: []string{${asked.map((text) => JSON.stringify(text)).join(', ')}}: supported values: "All"`,
    },
  ]);
}

const KINDS: Readonly<Partial<Record<Verb, string>>> = {
  create: 'CreateOptions',
  update: 'UpdateOptions',
  patch: 'PatchOptions',
  delete: 'DeleteOptions',
  deletecollection: 'DeleteOptions',
};

const VALIDATIONS: readonly FieldValidation[] = ['Ignore', 'Strict', 'Warn'];
const FIELD_MANAGER_BYTES_MAX = 128;
const FORCED = forbidden('force', 'may not be specified for non-apply patch');

const isWithBody = (verb: Verb): boolean => verb === 'create' || verb === 'update' || verb === 'patch';

const isApply = (contentType = ''): boolean => contentType.startsWith('application/apply-patch');

function fieldManagerErrors(name: string): readonly FieldError[] {
  const unprintable = /[^\p{L}\p{M}\p{N}\p{P}\p{S} ]/u.exec(name);
  const at = unprintable === null ? 0 : Buffer.byteLength(name.slice(0, unprintable.index));
  const code = unprintable?.[0].codePointAt(0)?.toString(16).toUpperCase().padStart(4, '0');
  return [
    ...(Buffer.byteLength(name) > FIELD_MANAGER_BYTES_MAX ? [tooLong('fieldManager', FIELD_MANAGER_BYTES_MAX)] : []),
    ...(code === undefined ? [] : [invalid('fieldManager', name, `invalid character U+${code} (at position ${at})`)]),
  ];
}
