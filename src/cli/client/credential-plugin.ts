import { dirname, resolve } from 'node:path';
import { isJsonObject, ownOf, type JsonObject } from '#api/json-object.ts';
import type { Json } from '#api/object.ts';
import { parseTime } from '#lib/time.ts';
import { textOf, wrong, type Entry } from './kubeconfig.ts';

/**
 * The protocol of client-go's credential plugins (`exec` of a kubeconfig's user): what a plugin is told, and what its answer means. Runs
 * nothing itself.
 */
export type Plugin = {
  readonly apiVersion: PluginVersion;
  readonly command: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly installHint: string;
  readonly interactive: 'Never' | 'IfAvailable' | 'Always';
  /** What `provideClusterInfo` asks for. */
  readonly cluster: JsonObject | undefined;
  /** The kubeconfig that names it, for messages. */
  readonly file: string;
};

const VERSIONS = ['client.authentication.k8s.io/v1', 'client.authentication.k8s.io/v1beta1'] as const;
type PluginVersion = (typeof VERSIONS)[number];

/** `ca`: the cluster's, in PEM. Throws BadKubeconfig. */
export function parsePlugin(exec: Json, user: Entry, cluster: Entry, ca: string | undefined): Plugin {
  const bad = (what: string) => wrong(user.file, `exec of user ${JSON.stringify(user.name)}: ${what}`);
  if (!isJsonObject(exec)) throw bad('it is no map');
  const entry: Entry = { ...user, fields: exec };
  const version = textOf(entry, 'apiVersion') ?? '';
  const apiVersion = VERSIONS.find((known) => known === version);
  if (apiVersion === undefined) throw bad(`apiVersion is none of ${VERSIONS.join(', ')}: ${JSON.stringify(version)}`);
  const command = textOf(entry, 'command') ?? '';
  if (command === '') throw bad('command is missing');
  const interactive = interactiveOf(textOf(entry, 'interactiveMode') ?? '', apiVersion);
  if (interactive === undefined) throw bad('interactiveMode must be Never, IfAvailable or Always');
  const args = ownOf(exec, 'args') ?? [];
  const env = ownOf(exec, 'env') ?? [];
  if (!Array.isArray(args) || !args.every((arg) => typeof arg === 'string')) throw bad('args is no list of texts');
  if (!Array.isArray(env)) throw bad('env is no list');
  return {
    apiVersion,
    // What is no bare name of a program on the path stands beside the kubeconfig, as all files that it names do.
    command: command.includes('/') ? resolve(dirname(user.file), command) : command,
    args,
    env: Object.fromEntries(
      env.map((item) => {
        const [name, value] = isJsonObject(item) ? [ownOf(item, 'name'), ownOf(item, 'value') ?? ''] : [];
        if (typeof name !== 'string' || typeof value !== 'string') throw bad('env has an entry without a name and a value');
        return [name, value];
      }),
    ),
    installHint: textOf(entry, 'installHint') ?? '',
    interactive,
    cluster: ownOf(exec, 'provideClusterInfo') === true ? clusterInfo(cluster, ca) : undefined,
    file: user.file,
  };
}

/** v1 requires it, v1beta1 takes IfAvailable. */
function interactiveOf(mode: string, apiVersion: PluginVersion): Plugin['interactive'] | undefined {
  if (mode === 'Never' || mode === 'IfAvailable' || mode === 'Always') return mode;
  return mode === '' && apiVersion === 'client.authentication.k8s.io/v1beta1' ? 'IfAvailable' : undefined;
}

const EXTENSION = 'client.authentication.k8s.io/exec';

function clusterInfo({ fields }: Entry, ca: string | undefined): JsonObject {
  const passed = ['server', 'tls-server-name', 'insecure-skip-tls-verify', 'proxy-url', 'disable-compression'];
  const extensions = ownOf(fields, 'extensions');
  const config = (Array.isArray(extensions) ? extensions : [])
    .filter(isJsonObject)
    .find((item) => ownOf(item, 'name') === EXTENSION);
  return {
    ...Object.fromEntries(
      passed.flatMap((field) => (ownOf(fields, field) == null ? [] : [[field, ownOf(fields, field) ?? null]])),
    ),
    // Whether it stands in the kubeconfig or in a file, which a plugin could not find.
    ...(ca === undefined ? {} : { 'certificate-authority-data': Buffer.from(ca, 'utf8').toString('base64') }),
    ...(config === undefined ? {} : { config: ownOf(config, 'extension') ?? null }),
  };
}

/** The value of KUBERNETES_EXEC_INFO. */
export function pluginInput({ apiVersion, cluster }: Plugin, interactive: boolean): string {
  const spec = { interactive, ...(cluster === undefined ? {} : { cluster }) };
  return JSON.stringify({ apiVersion, kind: 'ExecCredential', spec });
}

/** What a plugin gave. `expiresMs`: since the epoch; without it, it holds until the server says otherwise. */
export type PluginCredential = {
  readonly token?: string;
  readonly certificate?: string;
  readonly key?: string;
  readonly expiresMs?: number;
};

/** Throws BadKubeconfig. `answer`: what it wrote on its standard output. */
export function parsePluginAnswer(plugin: Plugin, answer: string): PluginCredential {
  const bad = (what: string) => wrong(plugin.file, `the credential plugin ${plugin.command} answered ${what}`);
  let value: Json;
  try {
    // Sound: what JSON.parse gives is JSON.
    value = JSON.parse(answer) as Json;
  } catch {
    throw bad('no JSON');
  }
  if (!isJsonObject(value) || ownOf(value, 'kind') !== 'ExecCredential') throw bad('no ExecCredential');
  if (ownOf(value, 'apiVersion') !== plugin.apiVersion)
    throw bad(`apiVersion ${JSON.stringify(ownOf(value, 'apiVersion'))}, and was asked for ${plugin.apiVersion}`);
  const status = ownOf(value, 'status');
  if (!isJsonObject(status)) throw bad('without a status');
  const text = (field: string) => {
    const found = ownOf(status, field) ?? '';
    return typeof found === 'string' ? found : '';
  };
  const [token, certificate, key] = [text('token'), text('clientCertificateData'), text('clientKeyData')];
  if ((certificate === '') !== (key === ''))
    throw bad('half a certificate: clientCertificateData and clientKeyData belong together');
  if (token === '' && certificate === '') throw bad('neither a token nor a certificate');
  const expiresMs = parseTime(text('expirationTimestamp'));
  return {
    ...(token === '' ? {} : { token }),
    ...(certificate === '' ? {} : { certificate, key }),
    ...(expiresMs === undefined ? {} : { expiresMs }),
  };
}
