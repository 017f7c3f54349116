import { SkerryError, hasCode } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import type { Discovery } from '../client/discovery.ts';
import { listPages, withQuery } from '../client/list-pages.ts';
import { parseArguments } from '../client/resource-arguments.ts';
import { collectionPath, kindName, objectPath, type ResourceType } from '../client/resource-types.ts';
import { selectorQuery } from '../client/selectors.ts';
import type { Context } from '../context.ts';
import type { DeleteFlags } from '../delete.ts';
import { failedAt, throwAll } from '../failure-text.ts';
import { targetsOf } from '../get/targets.ts';
import { placeManifest } from '../manifests/place.ts';
import { readManifests } from '../manifests/read-manifests.ts';
import { deletionOf, type Deletion } from './deletion.ts';
import { waitUntilGone } from './wait-until-gone.ts';

/** `skerry delete`: every object by its own request, each told as it is accepted; then the wait for all of them. */
export async function runDelete(
  words: readonly string[],
  flags: DeleteFlags,
  context: Context,
  { client, discovery }: { readonly client: ApiClient; readonly discovery: Discovery },
): Promise<void> {
  const deletion = deletionOf(words, flags);
  const failures: unknown[] = [];
  const victims = await victimsOf(words, flags, context, client, discovery, failures);
  if (victims.length === 0 && failures.length === 0) {
    if (flags.ignoreNotFound !== true) await context.write('No resources found\n');
    return;
  }
  if (flags.namespace !== undefined && victims.some(({ type }) => !type.namespaced)) context.stderr(`Warning: ${UNSCOPED}\n`);
  if (deletion.force) context.stderr(`Warning: ${FORCED}\n`);
  const gone: { readonly victim: Victim; readonly uid: string }[] = [];
  for (const victim of victims) {
    try {
      const uid = deletion.dryRun === 'client' ? '' : await deleteOne(client, victim, deletion);
      await context.write(told(victim, deletion, flags.output));
      gone.push({ victim, uid });
    } catch (error) {
      if (hasCode(error, 'OutputClosed')) throw error;
      if (!(deletion.ignoreNotFound && hasCode(error, 'NotFound')))
        failures.push(victim.source === undefined ? error : failedAt(error, 'deleting', victim.source));
    }
  }
  if (deletion.wait && deletion.dryRun === 'none') {
    const deadline = context.clock.monotonic() + deletion.timeoutMs;
    for (const { victim, uid } of gone)
      await waitUntilGone(client, { ...victim, uid }, deadline, context).catch((error: unknown) => void failures.push(error));
  }
  throwAll(failures);
}

const UNSCOPED = 'deleting cluster-scoped resources, not scoped to the provided namespace';
const FORCED =
  'Immediate deletion does not wait for confirmation that the running resource has been terminated. The resource may continue to run on the cluster indefinitely.';

export type Victim = {
  readonly type: ResourceType;
  readonly namespace: string | undefined;
  readonly name: string;
  readonly source?: string;
};

async function victimsOf(
  words: readonly string[],
  flags: DeleteFlags,
  context: Context,
  client: ApiClient,
  discovery: Discovery,
  failures: unknown[],
): Promise<readonly Victim[]> {
  const { filename } = flags;
  if (filename !== undefined) {
    const { manifests, failures: unread } = await readManifests({ filename, recursive: flags.recursive === true }, context.stdin);
    failures.push(...unread);
    const victims: Victim[] = [];
    for (const manifest of manifests)
      try {
        const placed = await placeManifest(manifest, discovery, { usual: client.namespace, enforced: flags.namespace });
        victims.push({ ...placed, name: manifest.name, source: manifest.source });
      } catch (error) {
        failures.push(error);
      }
    return victims;
  }
  const asked = parseArguments(words);
  if (asked === undefined) throw new SkerryError('Usage', 'name what to delete');
  const targets = await targetsOf(asked, discovery, flags.allNamespaces === true ? undefined : client.namespace);
  const victims = await Promise.all(
    targets.map(async ({ type, namespace, name }): Promise<readonly Victim[]> => {
      if (name !== undefined) return [{ type, namespace: type.namespaced ? namespace : undefined, name }];
      const pages = await listPages(client, collectionPath(type, namespace), selectorQuery(flags), { accept: PARTIAL });
      return pages.flatMap(itemsOf).map(({ metadata }) => ({ type, namespace: metadata?.namespace, name: metadata?.name ?? '' }));
    }),
  );
  return victims.flat();
}

const PARTIAL = 'application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json';

type Named = { readonly metadata?: { readonly name?: string; readonly namespace?: string; readonly uid?: string } };

function itemsOf(page: unknown): readonly Named[] {
  // Sound: of a list's items the names are read, and nothing else.
  return (page as { readonly items?: readonly Named[] | null } | null)?.items ?? [];
}

/** Gives the uid of what is being deleted; empty where the server does not tell. */
async function deleteOne(client: ApiClient, { type, namespace, name }: Victim, deletion: Deletion): Promise<string> {
  const query: Record<string, string> = deletion.dryRun === 'server' ? { dryRun: 'All' } : {};
  const answer = await client.send('DELETE', withQuery(objectPath(type, namespace, name), query), deletion.body);
  // Sound: it is the object itself, or a Status that names it; fields of any object may be read.
  const { metadata, details } = (answer ?? {}) as Named & { readonly details?: { readonly uid?: string } };
  return metadata?.uid ?? details?.uid ?? '';
}

function told({ type, namespace, name }: Victim, { force, dryRun }: Deletion, output: 'name' | undefined): string {
  if (output === 'name') return `${kindName(type)}/${name}\n`;
  const how = { none: '', server: ' (server dry run)', client: ' (dry run)' }[dryRun];
  const where = namespace === undefined ? '' : ` from ${namespace} namespace`;
  return `${kindName(type)} "${name}" ${force ? 'force deleted' : 'deleted'}${where}${how}\n`;
}
