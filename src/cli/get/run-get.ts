import { SkerryError } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import type { Discovery } from '../client/discovery.ts';
import type { Asked } from '../client/resource-arguments.ts';
import { selectorQuery } from '../client/selectors.ts';
import type { Context } from '../context.ts';
import { throwAll } from '../failure-text.ts';
import type { GetFlags } from '../get.ts';
import { fetchObjects, fetchTables, type Fetching, type Selection } from './fetch.ts';
import { tablesText, type TableStyle } from './tables-text.ts';
import { targetsOf, type Target } from './targets.ts';

/** `skerry get`, from what was asked for to what is printed. */
export async function runGet(
  asked: Asked,
  flags: GetFlags,
  context: Context,
  { client, discovery }: { readonly client: ApiClient; readonly discovery: Discovery },
): Promise<void> {
  const { allNamespaces, output, watch, watchOnly } = flags;
  const query = selectorQuery(flags);
  if (asked.by === 'name' && Object.keys(query).length > 0)
    throw new SkerryError('Usage', 'name cannot be provided when a selector is specified');
  const targets = await targetsOf(asked, discovery, allNamespaces === true ? undefined : client.namespace);
  const selection: Selection = {
    query,
    chunk: flags.chunkSize,
    ignoreNotFound: flags.ignoreNotFound === true,
  };
  const style: TableStyle = {
    wide: output === 'wide',
    headers: flags.headers,
    allNamespaces: allNamespaces === true,
    labels: flags.showLabels === true,
    labelColumns: flags.labelColumns ?? [],
    withKind: flags.showKind === true,
  };

  if (watch === true || watchOnly === true) {
    const { runWatch } = await import('./run-watch.ts');
    return runWatch(targets, flags, selection, style, client, context);
  }
  if (output === 'json' || output === 'yaml' || output === 'name') {
    const fetching = await sorted(fetchObjects(client, targets, selection), flags.sortBy);
    const single = targets.length === 1 && targets[0]?.name !== undefined;
    const objects = fetching.found.flatMap(({ answers }) => answers);
    const { objectsText } = await import('./objects-text.ts');
    if (objects.length > 0 || !single)
      await context.write(objectsText(objects, output, { single, managedFields: flags.showManagedFields === true }));
    return throwAll(fetching.failures);
  }
  const asTable = flags.sortBy === undefined ? selection : { ...selection, query: { ...query, includeObject: 'Object' } };
  const fetching = await sorted(fetchTables(client, targets, asTable), flags.sortBy);
  // Where what was found is of several types, each name says its own.
  const isMixed = new Set(fetching.found.map(({ target }) => target.type)).size > 1;
  const text = tablesText(fetching.found, { ...style, withKind: style.withKind || isMixed });
  if (text !== '') await context.write(text);
  else if (fetching.failures.length === 0 && flags.ignoreNotFound !== true)
    context.stderr(nothingFound(targets, client.namespace));
  throwAll(fetching.failures);
}

/** One namespace is named where all that was asked for is of it. */
function nothingFound(targets: readonly Target[], namespace: string): string {
  const isOfOne = targets.every((target) => target.type.namespaced && target.namespace !== undefined);
  return isOfOne ? `No resources found in ${namespace} namespace.\n` : 'No resources found\n';
}

async function sorted<T>(fetching: Promise<Fetching<T>>, path: string | undefined): Promise<Fetching<T>> {
  if (path === undefined || path === '') return fetching;
  const { sortFetched } = await import('./sort.ts');
  return sortFetched(await fetching, path);
}
