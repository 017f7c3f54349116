import { quoted } from './quoted.ts';

/** One thing wrong with one field, as Kubernetes' field.Error: becomes a cause of a 422 Invalid Status. */
export type FieldError = {
  readonly reason:
    | 'FieldValueRequired'
    | 'FieldValueInvalid'
    | 'FieldValueNotSupported'
    | 'FieldValueForbidden'
    | 'FieldValueDuplicate'
    | 'FieldValueTooLong'
    | 'FieldValueTooMany'
    | 'FieldValueNotFound'
    | 'FieldValueTypeInvalid';
  /** Path from the object's root: `spec.containers[0].image`. */
  readonly field: string;
  /** Without the path: `Required value: name or generateName is required`. */
  readonly message: string;
};

/** The constructors' names and texts are those of k8s.io/apimachinery/pkg/util/validation/field. */
export const required = (field: string, detail = ''): FieldError => error('FieldValueRequired', field, 'Required value', detail);

export const invalid = (field: string, value: unknown, detail: string): FieldError =>
  error('FieldValueInvalid', field, `Invalid value: ${show(value)}`, detail);

export const forbidden = (field: string, detail: string): FieldError => error('FieldValueForbidden', field, 'Forbidden', detail);

export const duplicate = (field: string, value: unknown): FieldError =>
  error('FieldValueDuplicate', field, `Duplicate value: ${show(value)}`, '');

export const notFound = (field: string, value: unknown): FieldError =>
  error('FieldValueNotFound', field, `Not found: ${show(value)}`, '');

export const tooLong = (field: string, bytesMax: number): FieldError =>
  error('FieldValueTooLong', field, 'Too long', `may not be more than ${bytesMax} bytes`);

export const tooMany = (field: string, count: number, countMax: number): FieldError =>
  error('FieldValueTooMany', field, `Too many: ${count}`, `must have at most ${countMax} ${countMax === 1 ? 'item' : 'items'}`);

export const notSupported = (field: string, value: unknown, supported: readonly string[]): FieldError =>
  error(
    'FieldValueNotSupported',
    field,
    `Unsupported value: ${show(value)}`,
    `supported values: ${supported.map(quoted).join(', ')}`,
  );

function error(reason: FieldError['reason'], field: string, what: string, detail: string): FieldError {
  return { reason, field, message: detail === '' ? what : `${what}: ${detail}` };
}

function show(value: unknown): string {
  if (typeof value === 'string') return quoted(value);
  return value === undefined ? 'null' : JSON.stringify(value);
}
