/** A container's environment. */
import { invalid, type FieldError } from '../../field-error.ts';
import type { ConfigMapKeySelector, EnvFromSource, EnvVar } from '../../generated/types.ts';
import { configKeyProblems, dnsSubdomainProblems, envVarNameProblems } from '../../names.ts';
import { at } from '../blank.ts';
import { asGiven, invalidFor, needed, NO_ERRORS } from '../check.ts';
import { ENV_FIELDS, validateFieldRef, validateResourceFieldRef } from './validate-fields.ts';

export function validateEnv(env: readonly EnvVar[] | undefined, path: string): readonly FieldError[] {
  return (env ?? []).flatMap((variable, index) => {
    const where = at(path, index);
    const { name = '' } = asGiven(variable);
    const named = name === '' ? needed(`${where}.name`, name) : invalidFor(`${where}.name`, name, envVarNameProblems(name));
    return [...named, ...validateValueFrom(variable, `${where}.valueFrom`)];
  });
}

export function validateEnvFrom(sources: readonly EnvFromSource[] | undefined, path: string): readonly FieldError[] {
  return (sources ?? []).flatMap(({ prefix = '', configMapRef, secretRef }, index) => {
    const where = at(path, index);
    const count = [configMapRef, secretRef].filter((each) => each !== undefined).length;
    return [
      ...(prefix === '' ? [] : invalidFor(`${where}.prefix`, prefix, envVarNameProblems(prefix))),
      ...(configMapRef === undefined ? [] : nameOf(configMapRef, `${where}.configMapRef.name`)),
      ...(secretRef === undefined ? [] : nameOf(secretRef, `${where}.secretRef.name`)),
      ...(count === 0 ? [invalid(path, '', 'must specify one of: `configMapRef` or `secretRef`')] : []),
      ...(count > 1 ? [invalid(path, '', 'may not have more than one field specified at a time')] : []),
    ];
  });
}

function nameOf({ name = '' }: { readonly name?: string }, path: string): readonly FieldError[] {
  return name === '' ? needed(path, name) : invalidFor(path, name, dnsSubdomainProblems(name));
}

function validateValueFrom({ value = '', valueFrom }: EnvVar, path: string): readonly FieldError[] {
  if (valueFrom === undefined) return NO_ERRORS;
  const { fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef } = valueFrom;
  const count = [fieldRef, resourceFieldRef, configMapKeyRef, secretKeyRef, fileKeyRef].filter(
    (each) => each !== undefined,
  ).length;
  return [
    ...(fieldRef === undefined ? [] : validateFieldRef(fieldRef, ENV_FIELDS, `${path}.fieldRef`)),
    ...(resourceFieldRef === undefined ? [] : validateResourceFieldRef(resourceFieldRef, false, `${path}.resourceFieldRef`)),
    ...(configMapKeyRef === undefined ? [] : validateKeyRef(configMapKeyRef, `${path}.configMapKeyRef`)),
    ...(secretKeyRef === undefined ? [] : validateKeyRef(secretKeyRef, `${path}.secretKeyRef`)),
    ...exclusive(count, value, path),
  ];
}

function exclusive(count: number, value: string, path: string): readonly FieldError[] {
  if (count === 0) {
    return [
      invalid(path, '', 'must specify one of: `fieldRef`, `resourceFieldRef`, `configMapKeyRef`, `secretKeyRef` or `fileKeyRef`'),
    ];
  }
  if (value !== '') return [invalid(path, '', 'may not be specified when `value` is not empty')];
  return count > 1 ? [invalid(path, '', 'may not have more than one field specified at a time')] : NO_ERRORS;
}

function validateKeyRef({ name = '', key = '' }: Partial<ConfigMapKeySelector>, path: string): readonly FieldError[] {
  return [
    ...invalidFor(`${path}.name`, name, dnsSubdomainProblems(name)),
    ...(key === '' ? needed(`${path}.key`, key) : invalidFor(`${path}.key`, key, configKeyProblems(key))),
  ];
}
