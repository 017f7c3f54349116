import { isJsonObject, ownOf, type JsonObject } from '#api/json-object.ts';
import type { Json } from '#api/object.ts';
import { SkerryError } from '#lib/error.ts';

/**
 * Kubeconfigs as values: several merged into one, as client-go does (the first file that names a cluster, user or context has the word on all
 * of it, as has the first with a current-context). Reads no files.
 */
export type Kubeconfig = {
  readonly currentContext: string;
  readonly contexts: ReadonlyMap<string, Entry>;
  readonly clusters: ReadonlyMap<string, Entry>;
  readonly users: ReadonlyMap<string, Entry>;
  /** All that it was made of, for messages. */
  readonly files: readonly string[];
};

/** `file`: where it stands; paths in it are relative to that file's folder. */
export type Entry = { readonly file: string; readonly name: string; readonly fields: JsonObject };

export const EMPTY_KUBECONFIG: Kubeconfig = {
  currentContext: '',
  contexts: new Map(),
  clusters: new Map(),
  users: new Map(),
  files: [],
};

/** Throws BadKubeconfig where a part of it is of another shape. */
export function kubeconfigOf(value: Json, file: string): Kubeconfig {
  if (value === null) return { ...EMPTY_KUBECONFIG, files: [file] };
  if (!isJsonObject(value)) throw wrong(file, 'it is no kubeconfig');
  const current = ownOf(value, 'current-context') ?? '';
  if (typeof current !== 'string') throw wrong(file, 'current-context is no text');
  return {
    currentContext: current,
    contexts: entriesOf(value, 'contexts', 'context', file),
    clusters: entriesOf(value, 'clusters', 'cluster', file),
    users: entriesOf(value, 'users', 'user', file),
    files: [file],
  };
}

function entriesOf(config: JsonObject, list: string, field: string, file: string): ReadonlyMap<string, Entry> {
  const items = ownOf(config, list) ?? [];
  if (!Array.isArray(items)) throw wrong(file, `${list} is no list`);
  const entries = new Map<string, Entry>();
  for (const item of items) {
    const name = isJsonObject(item) ? ownOf(item, 'name') : undefined;
    if (!isJsonObject(item) || typeof name !== 'string') throw wrong(file, `${list} has an entry without a name`);
    const fields = ownOf(item, field) ?? {};
    if (!isJsonObject(fields)) throw wrong(file, `${field} of ${JSON.stringify(name)} is no map`);
    // As client-go: which of them is meant, nobody can say.
    if (entries.has(name)) throw wrong(file, `${list} has two entries named ${JSON.stringify(name)}`);
    entries.set(name, { file, name, fields });
  }
  return entries;
}

export function mergeKubeconfigs(configs: readonly Kubeconfig[]): Kubeconfig {
  const merge = (of: (config: Kubeconfig) => ReadonlyMap<string, Entry>) =>
    new Map(configs.toReversed().flatMap((config) => [...of(config)]));
  return {
    currentContext: configs.find(({ currentContext }) => currentContext !== '')?.currentContext ?? '',
    contexts: merge(({ contexts }) => contexts),
    clusters: merge(({ clusters }) => clusters),
    users: merge(({ users }) => users),
    files: configs.flatMap(({ files }) => files),
  };
}

/** What the command line says of the choice. */
export type Choice = { readonly context?: string; readonly cluster?: string; readonly user?: string };

/** What is meant by a choice. `user`: undefined where the context names none, as client-go allows. */
export type Chosen = { readonly cluster: Entry; readonly user: Entry | undefined; readonly namespace: string };

/** Throws BadKubeconfig with what is missing and what there would be. */
export function choose(config: Kubeconfig, choice: Choice): Chosen {
  const where = config.files.join(':');
  const name = choice.context ?? config.currentContext;
  if (name === '' && choice.cluster === undefined)
    throw wrong(where, `current-context is not set: give --context${known('contexts', config.contexts)}`);
  const context = name === '' ? undefined : found(config.contexts, name, 'contexts', where);
  const clusterName = choice.cluster ?? textOf(context, 'cluster');
  if (clusterName === undefined) throw wrong(where, `context ${JSON.stringify(name)} names no cluster`);
  const userName = choice.user ?? textOf(context, 'user');
  const namespace = textOf(context, 'namespace') ?? '';
  return {
    cluster: found(config.clusters, clusterName, 'clusters', where),
    user: userName === undefined || userName === '' ? undefined : found(config.users, userName, 'users', where),
    namespace: namespace === '' ? 'default' : namespace,
  };
}

function found(entries: ReadonlyMap<string, Entry>, name: string, list: string, where: string): Entry {
  const entry = entries.get(name);
  if (entry === undefined) throw wrong(where, `${list} has no entry named ${JSON.stringify(name)}${known(list, entries)}`);
  return entry;
}

const NAMES_SHOWN_MAX = 10;

function known(list: string, entries: ReadonlyMap<string, Entry>): string {
  if (entries.size === 0) return '';
  return ` (${list}: ${[...entries.keys()].slice(0, NAMES_SHOWN_MAX).join(', ')}${entries.size > NAMES_SHOWN_MAX ? ', …' : ''})`;
}

/** Throws BadKubeconfig where it is there and no text. */
export function textOf(entry: Entry | undefined, field: string): string | undefined {
  const value = entry === undefined ? undefined : (ownOf(entry.fields, field) ?? undefined);
  if (value === undefined || typeof value === 'string') return value;
  throw wrong(entry?.file ?? '', `${field} of ${JSON.stringify(entry?.name)} is no text`);
}

export function wrong(file: string, what: string, cause?: unknown): SkerryError {
  return new SkerryError('BadKubeconfig', `read ${file}: ${what}`, { cause });
}
