import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { parseYaml } from '#api/encoding/yaml.ts';
import { SkerryError } from '#lib/error.ts';

/** The one user and cluster that a kubeconfig's current context names, with its certificates inline. */
export type Kubeconfig = { readonly server: string; readonly ca: string; readonly certificate: string; readonly key: string };

/** Reads `file`; a missing or malformed one says which part is wrong. */
export function readKubeconfig(file: string): Kubeconfig {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      throw new SkerryError('NotFound', `read ${file} (the server writes it at its first start; give its --data-dir)`, { cause });
    throw new SkerryError('Forbidden', `read ${file}`, { cause });
  }
  return parseKubeconfig(text, file);
}

export function parseKubeconfig(text: string, file: string): Kubeconfig {
  const wrong = (what: string, cause?: unknown) =>
    new SkerryError('BadKubeconfig', `read ${file}: ${what} (the server writes it anew at every start)`, { cause });
  const config = attempt(() => parseYaml(text), 'it is no YAML');
  const current = named(config, 'contexts', text1(config, 'current-context'), 'context');
  const cluster = named(config, 'clusters', text1(current, 'cluster'), 'cluster');
  const user = named(config, 'users', text1(current, 'user'), 'user');
  return {
    server: serverUrl(cluster),
    ca: pem(cluster, 'certificate-authority-data', 'certificate', (text) => new X509Certificate(text)),
    certificate: pem(user, 'client-certificate-data', 'certificate', (text) => new X509Certificate(text)),
    key: pem(user, 'client-key-data', 'private key', createPrivateKey),
  };

  function attempt<T>(read: () => T, what: string): T {
    try {
      return read();
    } catch (cause) {
      throw wrong(what, cause);
    }
  }

  function named(root: unknown, list: string, name: string, field: string): unknown {
    const entries = at(root, list);
    const entry: unknown = Array.isArray(entries)
      ? entries.find((candidate: unknown) => at(candidate, 'name') === name)
      : undefined;
    if (entry === undefined) throw wrong(`${list} has no entry named ${JSON.stringify(name)}`);
    return at(entry, field);
  }

  function text1(record: unknown, field: string): string {
    const value = at(record, field);
    if (typeof value !== 'string') throw wrong(`${field} is missing`);
    return value;
  }

  function serverUrl(record: unknown): string {
    const url = text1(record, 'server');
    if (!URL.canParse(url) || new URL(url).protocol !== 'https:') throw wrong(`server is no https URL: ${JSON.stringify(url)}`);
    return url;
  }

  function pem(record: unknown, field: string, noun: string, read: (text: string) => unknown): string {
    const decoded = Buffer.from(text1(record, field), 'base64').toString('utf8');
    attempt(() => read(decoded), `${field} is no ${noun} in base64`);
    return decoded;
  }
}

function at(record: unknown, field: string): unknown {
  // Sound: a property of any object may be read; what is read stays unknown.
  return typeof record === 'object' && record !== null ? (record as Record<string, unknown>)[field] : undefined;
}
