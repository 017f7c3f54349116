import type { Container, EnvVar } from '#api/generated/types.ts';
import type { ConfigMapItem, PodItem, SecretItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import { configError } from './config-error.ts';
import { expand } from './expand.ts';
import { fieldValue, resourceValue, type PodFacts } from './field-ref.ts';
import { serviceVariables } from './service-variables.ts';

/** Of all names and values together, or of a command and its arguments: what the kernel gives a program room for (a quarter of its stack). */
export const TEXTS_LENGTH_MAX = 2 * 1024 * 1024;

const TOO_MANY_SERVICES = ' (its namespace has many services: set enableServiceLinks: false)';

/**
 * A container's environment: services first, then envFrom, then env, which may refer to what came before it. A required ConfigMap, Secret or key
 * that is missing throws CreateContainerConfigError, in upstream's words.
 */
export function environmentOf(
  item: PodItem,
  container: Container,
  documents: Documents,
  facts: PodFacts,
): ReadonlyMap<string, string> {
  const { namespace } = item.metadata;
  const values = new Map<string, string>();
  let length = 0;
  const set = (name: string, value: string, remedy = '') => {
    values.set(name, value);
    length += name.length + value.length;
    if (length > TEXTS_LENGTH_MAX)
      throw configError(`its environment is longer than ${TEXTS_LENGTH_MAX} bytes: more than a program can be given${remedy}`);
  };
  for (const [name, value] of serviceVariables(item, documents)) set(name, value, TOO_MANY_SERVICES);
  for (const { prefix = '', configMapRef, secretRef } of container.envFrom ?? []) {
    const data =
      configMapRef !== undefined
        ? textsOf(configMapOf(documents, namespace, configMapRef.name ?? '', configMapRef.optional === true))
        : secretRef !== undefined
          ? secretTexts(secretOf(documents, namespace, secretRef.name ?? '', secretRef.optional === true))
          : {};
    for (const [key, value] of Object.entries(data)) set(`${prefix}${key}`, value);
  }
  for (const variable of container.env ?? []) {
    const value = valueOf(variable, item, container, documents, facts, values);
    if (value !== undefined) set(variable.name, value);
  }
  return values;
}

function valueOf(
  { value, valueFrom }: EnvVar,
  item: PodItem,
  container: Container,
  documents: Documents,
  facts: PodFacts,
  before: ReadonlyMap<string, string>,
): string | undefined {
  const { namespace } = item.metadata;
  if (valueFrom === undefined) return expand(value ?? '', (name) => before.get(name));
  const { configMapKeyRef, secretKeyRef, fieldRef, resourceFieldRef } = valueFrom;
  if (fieldRef !== undefined) return fieldValue(item, facts, fieldRef.fieldPath);
  if (resourceFieldRef !== undefined) {
    const of = [...(item.spec.initContainers ?? []), ...item.spec.containers].find(
      ({ name }) => name === resourceFieldRef.containerName,
    );
    return resourceValue(of ?? container, facts, resourceFieldRef.resource, resourceFieldRef.divisor);
  }
  if (configMapKeyRef !== undefined) {
    const { name = '', key, optional = false } = configMapKeyRef;
    const found = textsOf(configMapOf(documents, namespace, name, optional))[key];
    if (found === undefined && !optional) throw configError(`couldn't find key ${key} in ConfigMap ${namespace}/${name}`);
    return found;
  }
  if (secretKeyRef !== undefined) {
    const { name = '', key, optional = false } = secretKeyRef;
    const found = secretTexts(secretOf(documents, namespace, name, optional))[key];
    if (found === undefined && !optional) throw configError(`couldn't find key ${key} in Secret ${namespace}/${name}`);
    return found;
  }
  return '';
}

export function configMapOf(documents: Documents, namespace: string, name: string, optional: boolean): ConfigMapItem | undefined {
  const item = documents.items.get(`configmaps/${namespace}/${name}`)?.item;
  if (item?.kind === 'ConfigMap') return item;
  if (optional) return undefined;
  throw configError(`configmap "${name}" not found`);
}

export function secretOf(documents: Documents, namespace: string, name: string, optional: boolean): SecretItem | undefined {
  const item = documents.items.get(`secrets/${namespace}/${name}`)?.item;
  if (item?.kind === 'Secret') return item;
  if (optional) return undefined;
  throw configError(`secret "${name}" not found`);
}

function textsOf(item: ConfigMapItem | undefined): Readonly<Record<string, string>> {
  return item?.data ?? {};
}

function secretTexts(item: SecretItem | undefined): Readonly<Record<string, string>> {
  const entries = Object.entries(item?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString()]);
  return Object.fromEntries(entries) as Readonly<Record<string, string>>;
}
