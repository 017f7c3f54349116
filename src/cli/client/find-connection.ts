import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parsePlainYaml } from '#api/encoding/plain-yaml.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { hostPort } from '#lib/host-port.ts';
import { connectionOf, type Connection } from './connection.ts';
import { EMPTY_KUBECONFIG, kubeconfigOf, mergeKubeconfigs, wrong, type Choice, type Kubeconfig } from './kubeconfig.ts';

/**
 * Finds the server that a command means, as kubectl does: --kubeconfig, else $KUBECONFIG, else ~/.kube/config, else the service account of the
 * pod that it runs in; where kubectl would now try localhost, what a server on this machine left for its administrator. What the user names is never
 * passed over for the next: a slip would end at another cluster.
 */
export type Where = Choice & { readonly kubeconfig?: string; readonly namespace?: string; readonly dataDir: string };

export type Outside = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly homedir: () => string;
};

/** Throws NotFound where there is none, BadKubeconfig, or Forbidden. A choice that is empty is none. */
export async function findConnection(given: Where, outside: Outside): Promise<Connection> {
  // Sound: only what is no text of at least one letter is left out, and `dataDir` is one.
  const where = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== '')) as Where;
  const connection = await found(where, outside);
  return where.namespace === undefined ? connection : { ...connection, namespace: where.namespace };
}

async function found(where: Where, outside: Outside): Promise<Connection> {
  const read = (path: string) => readFileSync(path, 'utf8');
  const isChosen = where.context !== undefined || where.cluster !== undefined || where.user !== undefined;
  const config = await named(where, outside);
  if (config !== undefined) return connectionOf(config, where, read);
  const account = isChosen ? undefined : serviceAccount(outside.environment, read);
  if (account !== undefined) return account;
  const own = ownFile(where);
  if (existsSync(own)) return connectionOf(await readConfig(own), where, read);
  throw new SkerryError(
    'NotFound',
    `find a server: there is no kubeconfig (looked at ${[...filesOf(outside), own].join(', ')}): give one with --kubeconfig or $KUBECONFIG`,
  );
}

/** All that there is to choose from; empty where there is nothing. */
export async function findKubeconfig(where: Where, outside: Outside): Promise<Kubeconfig> {
  const own = ownFile(where);
  return (await named(where, outside)) ?? (existsSync(own) ? readConfig(own) : EMPTY_KUBECONFIG);
}

/** The kubeconfig that the user names; else the one at home, undefined where there is none, or nothing in it. */
async function named(where: Where, outside: Outside): Promise<Kubeconfig | undefined> {
  if (where.kubeconfig !== undefined) return readConfig(resolve(where.kubeconfig));
  const configs: Kubeconfig[] = [];
  for (const file of filesOf(outside)) if (existsSync(file)) configs.push(await readConfig(file));
  const config = mergeKubeconfigs(configs);
  if (config.contexts.size > 0 || config.clusters.size > 0) return config;
  const variable = outside.environment['KUBECONFIG'] ?? '';
  if (variable === '') return undefined;
  const looked = filesOf(outside).map((file) => `${file} ${existsSync(file) ? 'names no cluster' : 'does not exist'}`);
  throw new SkerryError(
    'NotFound',
    `find a server: $KUBECONFIG is ${JSON.stringify(variable)}, and ${looked.length === 0 ? 'names no file' : looked.join(', ')}: correct it, or unset it`,
  );
}

function ownFile({ dataDir }: Where): string {
  return join(dataDir, 'admin.kubeconfig');
}

/** Absolute, in the order of precedence. */
function filesOf({ environment, homedir }: Outside): readonly string[] {
  const listed = environment['KUBECONFIG'] ?? '';
  if (listed === '') return [join(homedir(), '.kube', 'config')];
  return [...new Set(listed.split(':').filter((file) => file !== ''))].map((file) => resolve(file));
}

/** The one server of one file. `hint`: where such a file comes from. Throws NotFound, Forbidden or BadKubeconfig. */
export async function readKubeconfig(file: string, hint?: string): Promise<Connection> {
  const path = resolve(file);
  try {
    return connectionOf(await readConfig(path, hint), {}, (other) => readFileSync(other, 'utf8'));
  } catch (error) {
    if (hint === undefined || !hasCode(error, 'BadKubeconfig')) throw error;
    throw new SkerryError('BadKubeconfig', `${error.message} (the server writes it anew at every start)`, { cause: error.cause });
  }
}

async function readConfig(path: string, hint?: string): Promise<Kubeconfig> {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      throw new SkerryError('NotFound', `read ${path}${hint === undefined ? '' : ` (${hint})`}`, { cause });
    throw new SkerryError('Forbidden', `read ${path}`, { cause });
  }
  const plain = parsePlainYaml(text);
  if (plain !== undefined) return kubeconfigOf(plain, path);
  const { parseYaml } = await import('#api/encoding/yaml.ts');
  try {
    return kubeconfigOf(parseYaml(text), path);
  } catch (cause) {
    throw hasCode(cause, 'BadKubeconfig') ? cause : wrong(path, 'it is no YAML', cause);
  }
}

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

/** Of a pod, whose containers are given these by the kubelet's part of whatever runs them. */
function serviceAccount(environment: Outside['environment'], read: (path: string) => string): Connection | undefined {
  const [host, port] = [environment['KUBERNETES_SERVICE_HOST'] ?? '', environment['KUBERNETES_SERVICE_PORT'] ?? ''];
  const tokenFile = join(ACCOUNT, 'token');
  if (host === '' || port === '' || !existsSync(tokenFile)) return undefined;
  const optional = (file: string) => (existsSync(file) ? read(file) : undefined);
  const ca = optional(join(ACCOUNT, 'ca.crt'));
  const namespace = optional(join(ACCOUNT, 'namespace'))?.trim() ?? '';
  return {
    server: `https://${hostPort({ host, port: Number(port) })}`,
    namespace: namespace === '' ? 'default' : namespace,
    insecure: false,
    ...(ca === undefined ? {} : { ca }),
    credentials: { tokenFile },
    impersonation: {},
  };
}
