import { isJsonObject, ownOf, type JsonObject } from '#api/json-object.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import type { ApiClient } from '../client/api-client.ts';
import type { Discovery } from '../client/discovery.ts';
import { withQuery } from '../client/list-pages.ts';
import { collectionPath } from '../client/resource-types.ts';
import type { Context } from '../context.ts';
import type { CreateFlags } from '../create.ts';
import { failedAt, throwAll } from '../failure-text.ts';
import { jsonText, objectName, withoutManagedFields, yamlText, type PrintedObject } from '../output/object-text.ts';
import type { Manifest } from './parse-manifests.ts';
import { placeManifest, type Placed } from './place.ts';
import { readManifests } from './read-manifests.ts';

/** `skerry create -f`: one object after the other, in their order, as later ones may need the earlier; a failure stops none of the others. */
export async function runCreate(
  filename: readonly string[],
  flags: CreateFlags,
  context: Context,
  { client, discovery }: { readonly client: ApiClient; readonly discovery: Discovery },
): Promise<void> {
  const { manifests, failures: unread } = await readManifests({ filename, recursive: flags.recursive === true }, context.stdin);
  const failures = [...unread];
  if (manifests.length === 0 && failures.length === 0) throw new SkerryError('BadRequest', 'no objects passed to create');
  const print = printer(flags);
  const namespaces = { usual: client.namespace, enforced: flags.namespace };
  for (const manifest of manifests) {
    let placed: Placed;
    try {
      placed = await placeManifest(manifest, discovery, namespaces);
    } catch (error) {
      failures.push(error);
      continue;
    }
    try {
      await context.write(print(await createOne(client, manifest, placed, flags)));
    } catch (error) {
      if (hasCode(error, 'OutputClosed')) throw error;
      failures.push(failedAt(error, 'creating', manifest.source));
    }
  }
  throwAll(failures);
}

const MANAGER = 'skerry-create';

async function createOne(
  client: ApiClient,
  { object }: Manifest,
  { type, namespace }: Placed,
  flags: CreateFlags,
): Promise<PrintedObject> {
  const placed = inNamespace(object, namespace);
  // Sound: a manifest's object says its apiVersion and kind, and its metadata is a map.
  if (flags.dryRun === 'client') return placed as PrintedObject;
  const query = {
    fieldManager: MANAGER,
    fieldValidation: VALIDATION[flags.validate] ?? 'Strict',
    ...(flags.dryRun === 'server' ? { dryRun: 'All' } : {}),
  };
  // Sound: a server answers with the object that it made.
  return (await client.send('POST', withQuery(collectionPath(type, namespace), query), placed)) as PrintedObject;
}

const VALIDATION: Readonly<Record<string, string>> = {
  strict: 'Strict',
  true: 'Strict',
  warn: 'Warn',
  ignore: 'Ignore',
  false: 'Ignore',
};

function inNamespace(object: JsonObject, namespace: string | undefined): JsonObject {
  if (namespace === undefined) return object;
  const metadata = ownOf(object, 'metadata') ?? {};
  return { ...object, metadata: { ...(isJsonObject(metadata) ? metadata : {}), namespace } };
}

function printer({ output, dryRun, showManagedFields }: CreateFlags): (object: PrintedObject) => string {
  let count = 0;
  const how = { none: '', server: ' (server dry run)', client: ' (dry run)' }[dryRun];
  return (object) => {
    const shown = showManagedFields === true ? object : withoutManagedFields(object);
    count += 1;
    switch (output) {
      case 'name':
        return `${objectName(object)}\n`;
      case 'json':
        return jsonText(shown);
      case 'yaml':
        return `${count > 1 ? '---\n' : ''}${yamlText(shown)}`;
      default:
        return `${objectName(object)} created${how}\n`;
    }
  };
}
