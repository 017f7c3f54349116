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
    throw new SkerryError('NotFound', `read ${file} (the server writes it at its first start; give its --data-dir)`, { cause });
  }
  return parseKubeconfig(text, file);
}

export function parseKubeconfig(text: string, file: string): Kubeconfig {
  const config = parseYaml(text);
  const current = named(config, 'contexts', at(config, 'current-context'), 'context');
  const cluster = named(config, 'clusters', at(current, 'cluster'), 'cluster');
  const user = named(config, 'users', at(current, 'user'), 'user');
  return {
    server: text1(cluster, 'server'),
    ca: base64(cluster, 'certificate-authority-data'),
    certificate: base64(user, 'client-certificate-data'),
    key: base64(user, 'client-key-data'),
  };

  function named(root: unknown, list: string, name: unknown, field: string): unknown {
    const entries = at(root, list);
    const entry: unknown = Array.isArray(entries)
      ? entries.find((candidate: unknown) => at(candidate, 'name') === name)
      : undefined;
    if (entry === undefined) throw new SkerryError('Usage', `read ${file}: ${list} has no entry named ${JSON.stringify(name)}`);
    return at(entry, field);
  }

  function text1(record: unknown, field: string): string {
    const value = at(record, field);
    if (typeof value !== 'string') throw new SkerryError('Usage', `read ${file}: ${field} is missing`);
    return value;
  }

  function base64(record: unknown, field: string): string {
    return Buffer.from(text1(record, field), 'base64').toString('utf8');
  }
}

function at(record: unknown, field: string): unknown {
  // Sound: a property of any object may be read; what is read stays unknown.
  return typeof record === 'object' && record !== null ? (record as Record<string, unknown>)[field] : undefined;
}
