import type { PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import type { RegistryAuth } from '../runtime/runtime.ts';
import { parseReference } from './reference.ts';

/** The credentials that a pod's imagePullSecrets hold for the registry of an image, or undefined. A secret that is not readable holds none. */
export function pullAuth(item: PodItem, documents: Documents, image: string): RegistryAuth | undefined {
  const registry = parseReference(image)?.registry;
  if (registry === undefined) return undefined;
  for (const { name } of item.spec.imagePullSecrets ?? []) {
    const secret = documents.items.get(`secrets/${item.metadata.namespace}/${name ?? ''}`)?.item;
    if (secret?.kind !== 'Secret') continue;
    const auths = authsOf(secret.data?.['.dockerconfigjson'], secret.data?.['.dockercfg']);
    for (const [server, entry] of Object.entries(auths)) {
      const auth = hostOf(server) === registry ? credentialsOf(server, entry) : undefined;
      if (auth !== undefined) return auth;
    }
  }
  return undefined;
}

/** `https://index.docker.io/v1/` is docker.io to everybody. */
function hostOf(server: string): string {
  const host = server.replace(/^https?:\/\//, '').split('/')[0] ?? '';
  return host === 'index.docker.io' || host === 'registry-1.docker.io' ? 'docker.io' : host;
}

function authsOf(config: string | undefined, old: string | undefined): Readonly<Record<string, unknown>> {
  const parsed = parse(config);
  const auths = isRecord(parsed) ? parsed['auths'] : parse(old);
  return isRecord(auths) ? auths : {};
}

function credentialsOf(serverAddress: string, entry: unknown): RegistryAuth | undefined {
  if (!isRecord(entry)) return undefined;
  const { username, password, auth } = entry;
  if (typeof username === 'string' && typeof password === 'string') return { username, password, serverAddress };
  if (typeof auth !== 'string') return undefined;
  const text = Buffer.from(auth, 'base64').toString();
  const colon = text.indexOf(':');
  return colon < 0 ? undefined : { username: text.slice(0, colon), password: text.slice(colon + 1), serverAddress };
}

function parse(base64: string | undefined): unknown {
  if (base64 === undefined) return undefined;
  try {
    return JSON.parse(Buffer.from(base64, 'base64').toString());
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
