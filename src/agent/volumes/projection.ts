import type { KeyToPath, Volume, VolumeProjection } from '#api/generated/types.ts';
import type { PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import { tokenKey } from '../plan/volumes.ts';
import { configError } from '../render/config-error.ts';
import { configMapOf, secretOf } from '../render/environment.ts';
import { fieldValue, resourceValue, type PodFacts } from '../render/field-ref.ts';
import type { FolderFile } from './atomic-folder.ts';

/** The files of configMap, secret, downwardAPI and projected volumes, from the documents. Undefined for volumes of other sorts. */
const MODE_DEFAULT = 0o644;
const TOKEN_MODE_FOR_ONE = 0o600;

type Items = { readonly items?: readonly KeyToPath[]; readonly optional?: boolean };
type DownwardFile = NonNullable<NonNullable<Volume['downwardAPI']>['items']>[number];

export function filesOf(item: PodItem, volume: Volume, documents: Documents, facts: PodFacts): readonly FolderFile[] | undefined {
  const { configMap, secret, downwardAPI, projected } = volume;
  if (configMap !== undefined) return configMapFiles(item, configMap.name ?? '', configMap, documents, configMap.defaultMode);
  if (secret !== undefined) return secretFiles(item, secret.secretName ?? '', secret, documents, secret.defaultMode);
  if (downwardAPI !== undefined) return downwardFiles(item, downwardAPI.items, facts, downwardAPI.defaultMode);
  return projected?.sources?.flatMap((source) => [
    ...(source.serviceAccountToken === undefined
      ? []
      : [tokenFile(item, volume.name, source.serviceAccountToken.path, documents, projected.defaultMode)]),
    ...(source.configMap === undefined
      ? []
      : configMapFiles(item, source.configMap.name ?? '', source.configMap, documents, projected.defaultMode)),
    ...(source.secret === undefined
      ? []
      : secretFiles(item, source.secret.name ?? '', source.secret, documents, projected.defaultMode)),
    ...(source.downwardAPI === undefined ? [] : downwardFiles(item, source.downwardAPI.items, facts, projected.defaultMode)),
  ]);
}

/** True where the files may tell a secret and belong in memory only. */
export function isSecret({ secret, projected }: Volume): boolean {
  const isOne = (source: VolumeProjection) => source.secret !== undefined || source.serviceAccountToken !== undefined;
  return secret !== undefined || projected?.sources?.some(isOne) === true;
}

/** As it is, however old: who runs without a server for longer than it lives would not be helped by none. */
function tokenFile(item: PodItem, volume: string, path: string, documents: Documents, mode?: number): FolderFile {
  const found = documents.items.get(tokenKey(item, volume, path))?.item;
  if (found?.kind !== 'Token') throw configError(`failed to fetch token: the server has made none for ${path}`);
  const content = Buffer.from(found.token);
  const uid = commonUser(item);
  // Whoever is known to be its reader is the only one (pkg/volume/projected).
  const isForOne = uid !== undefined || item.spec.securityContext?.fsGroup !== undefined;
  return {
    path: safePath(path),
    content,
    mode: isForOne ? TOKEN_MODE_FOR_ONE : (mode ?? MODE_DEFAULT),
    ...(uid === undefined ? {} : { uid }),
  };
}

/** The user that all containers run as, if each says so. */
function commonUser({ spec }: PodItem): number | undefined {
  const users = [...(spec.initContainers ?? []), ...spec.containers].map(
    ({ securityContext }) => securityContext?.runAsUser ?? spec.securityContext?.runAsUser,
  );
  return users.every((user) => user === users[0]) ? users[0] : undefined;
}

function configMapFiles(item: PodItem, name: string, options: Items, documents: Documents, mode?: number): readonly FolderFile[] {
  const source = configMapOf(documents, item.metadata.namespace, name, options.optional === true);
  const texts = Object.entries(source?.data ?? {}).map(([key, value]) => [key, Buffer.from(value)] as const);
  const bytes = Object.entries(source?.binaryData ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
  return pick(new Map([...texts, ...bytes]), `configmap references non-existent config key`, options, mode);
}

function secretFiles(item: PodItem, name: string, options: Items, documents: Documents, mode?: number): readonly FolderFile[] {
  const source = secretOf(documents, item.metadata.namespace, name, options.optional === true);
  const bytes = Object.entries(source?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64')] as const);
  return pick(new Map(bytes), `references non-existent secret key`, options, mode);
}

function pick(
  content: ReadonlyMap<string, Uint8Array>,
  missing: string,
  { items, optional }: Items,
  mode?: number,
): readonly FolderFile[] {
  if (items === undefined || items.length === 0) {
    return [...content].map(([path, bytes]) => ({ path: safePath(path), content: bytes, mode: mode ?? MODE_DEFAULT }));
  }
  return items.flatMap(({ key, path, mode: own }): readonly FolderFile[] => {
    const bytes = content.get(key);
    if (bytes !== undefined) return [{ path: safePath(path), content: bytes, mode: own ?? mode ?? MODE_DEFAULT }];
    if (optional === true) return [];
    throw configError(`${missing}: ${key}`);
  });
}

function downwardFiles(
  item: PodItem,
  items: readonly DownwardFile[] | undefined,
  facts: PodFacts,
  mode?: number,
): readonly FolderFile[] {
  return (items ?? []).map(({ path, fieldRef, resourceFieldRef, mode: own }) => {
    const all = [...(item.spec.initContainers ?? []), ...item.spec.containers];
    const container = all.find(({ name }) => name === resourceFieldRef?.containerName);
    const text =
      fieldRef !== undefined
        ? fieldValue(item, facts, fieldRef.fieldPath)
        : resourceFieldRef !== undefined && container !== undefined
          ? resourceValue(container, facts, resourceFieldRef.resource, resourceFieldRef.divisor)
          : '';
    return { path: safePath(path), content: Buffer.from(text), mode: own ?? mode ?? MODE_DEFAULT };
  });
}

/** The API refuses such paths; a document that comes another way is held to the same. */
function safePath(path: string): string {
  if (path.startsWith('/') || path.startsWith('..') || path.split('/').includes('..'))
    throw configError(`path ${path} leads out of its volume`);
  return path;
}
