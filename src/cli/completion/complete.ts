import type { ApiClient } from '../client/api-client.ts';
import type { Discovery } from '../client/discovery.ts';
import { withQuery } from '../client/list-pages.ts';
import { PODS, collectionPath, objectPath, pluralName } from '../client/resource-types.ts';
import { DATA_DIR, type Context } from '../context.ts';
import { connect } from '../server-flags.ts';
import type { FlagFacts, VerbFacts } from './command-facts.ts';

/** What can stand where somebody pressed tab, of what only a server or the kubeconfig knows. A server that is slow or away is not waited for. */
const TIMEOUT_MS = 2_000;
const NAMES_MAX = 500;

/** `words`: all after the program's name, the last one begun. Never rejects. */
export async function complete(
  words: readonly string[],
  facts: readonly VerbFacts[],
  context: Context,
): Promise<readonly string[]> {
  const line = readLine(words, facts);
  try {
    const candidates = await candidatesFor(line, context);
    return candidates.filter((candidate) => candidate.startsWith(line.current)).toSorted();
  } catch {
    // There is no server, or no such type: nothing can be said, and a line that is being typed is no place to say why.
    return [];
  }
}

export type Line = {
  readonly verb: string;
  /** Words that are neither flags nor their values. */
  readonly given: readonly string[];
  /** Long name → value. */
  readonly flags: ReadonlyMap<string, string>;
  /** Long name of the flag whose value is begun. */
  readonly flag: string | undefined;
  readonly current: string;
};

export function readLine(words: readonly string[], facts: readonly VerbFacts[]): Line {
  const current = words.at(-1) ?? '';
  let verb = facts.find(({ path }) => path.length === 0);
  let flag: FlagFacts | undefined;
  const given: string[] = [];
  const flags = new Map<string, string>();
  for (const word of words.slice(0, -1)) {
    if (word === '=') continue;
    if (flag !== undefined) {
      flags.set(flag.names[0] ?? '', word);
      flag = undefined;
      continue;
    }
    if (word.startsWith('-')) {
      const [name = '', value] = word.split('=', 2);
      const found = verb?.flags.find(({ names }) => names.includes(name));
      if (value !== undefined) flags.set(found?.names[0] ?? name, value);
      else if (found?.value === true) flag = found;
      continue;
    }
    const path = [...(verb?.path ?? []), word];
    const inner = given.length === 0 ? facts.find((one) => one.path.join(' ') === path.join(' ')) : undefined;
    if (inner === undefined) given.push(word);
    else verb = inner;
  }
  return { verb: (verb?.path ?? []).join(' '), given, flags, flag: flag?.names[0], current };
}

async function candidatesFor(line: Line, context: Context): Promise<readonly string[]> {
  const { flag, flags, verb } = line;
  const choice = {
    dataDir: flags.get('--data-dir') ?? DATA_DIR,
    ...Object.fromEntries(
      (['kubeconfig', 'context', 'cluster', 'user', 'namespace'] as const).flatMap((name) => {
        const value = flags.get(`--${name}`);
        return value === undefined ? [] : [[name, value]];
      }),
    ),
  };
  if (flag === '--context' || flag === '--cluster' || flag === '--user') {
    const { findKubeconfig } = await import('../client/find-connection.ts');
    const config = await findKubeconfig(choice, context);
    return [...{ '--context': config.contexts, '--cluster': config.clusters, '--user': config.users }[flag].keys()];
  }
  const silent: Context = { ...context, stderr: () => undefined };
  const asking = await connect(silent, { ...choice, requestTimeout: TIMEOUT_MS });
  if (flag === '--namespace') return names(asking.client, '/api/v1/namespaces');
  if (flag === '--container') return containersOf(asking.client, (line.given[0] ?? '').replace(/^.*\//, ''));
  if (flag !== undefined) return [];
  switch (verb) {
    case 'get':
    case 'delete':
      return objects(line, asking);
    case 'logs':
      if (line.given.length > 0) return containersOf(asking.client, line.given[0] ?? '');
      if (line.current.includes('/')) return objects(line, asking);
      return [
        ...(await names(asking.client, collectionPath(PODS, asking.client.namespace))),
        'deployment/',
        'daemonset/',
        'replicaset/',
        'service/',
      ];
    default:
      return [];
  }
}

type Asking = { readonly client: ApiClient; readonly discovery: Discovery };

async function objects({ given, current }: Line, { client, discovery }: Asking): Promise<readonly string[]> {
  const [word, begun] = current.split('/', 2);
  const namesOf = async (type: string) => names(client, collectionPath(await discovery.type(type), client.namespace));
  if (begun !== undefined && word !== undefined) return (await namesOf(word)).map((name) => `${word}/${name}`);
  const [type] = given;
  if (type !== undefined) return type.includes('/') ? [] : (await namesOf(type)).filter((name) => !given.includes(name));
  // Of several types the last is begun.
  const before = current.slice(0, current.lastIndexOf(',') + 1);
  const types = (await discovery.all()).filter(({ verbs }) => verbs.includes('list'));
  return [...new Set(types.map((one) => `${before}${pluralName(one)}`))];
}

const PARTIAL = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json';

async function names(client: ApiClient, path: string): Promise<readonly string[]> {
  const answer = await client.send('GET', withQuery(path, { limit: String(NAMES_MAX) }), undefined, { accept: PARTIAL });
  // Sound: fields of any object may be read.
  const { items } = (answer ?? {}) as { readonly items?: readonly { readonly metadata?: { readonly name?: string } }[] | null };
  return (items ?? []).flatMap(({ metadata }) => (metadata?.name === undefined ? [] : [metadata.name]));
}

async function containersOf(client: ApiClient, pod: string): Promise<readonly string[]> {
  const answer = await client.send('GET', objectPath(PODS, client.namespace, pod));
  // Sound: as above.
  const { spec } = (answer ?? {}) as {
    readonly spec?: Readonly<Record<string, readonly { readonly name: string }[] | undefined>>;
  };
  return [...(spec?.['initContainers'] ?? []), ...(spec?.['containers'] ?? [])].map(({ name }) => name);
}
