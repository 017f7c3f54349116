import { join } from 'node:path';
import { textOf, type Outside } from '../outside/outside.ts';

/** What this machine keeps secret outside its databases, read only so that it can be kept out of texts: keys, kubeconfigs, registries' logins, variables. */
export async function ownSecrets(outside: Outside, dataDir: string): Promise<readonly string[]> {
  const pki = join(dataDir, 'server', 'pki');
  const keys = [
    ...(await outside.list(pki)).filter((name) => name.endsWith('.key')).map((name) => join(pki, name)),
    ...['recovery.key', 'agent/node.key'].map((name) => join(dataDir, name)),
    '/root/.docker/config.json',
  ];
  const texts = await Promise.all(keys.map((path) => textOf(outside.read(path))));
  const kubeconfigs = await Promise.all(
    [join(dataDir, 'admin.kubeconfig'), '/root/.kube/config'].map((path) => textOf(outside.read(path))),
  );
  const users = kubeconfigs.flatMap((text) => [...text.matchAll(/(?:-key-data|token|password): *["']?([^\s"']+)/g)]);
  const variables = Object.entries(outside.environment).map(([name, value = '']) => `${name}=${value}`);
  return [...texts, ...users.map(([, value = '']) => value), ...secretVariables(variables)];
}

/** `NAME=value` → the values that may be secret: proxies with a login, and what is named so. */
export function secretVariables(variables: readonly string[]): readonly string[] {
  return variables.flatMap((variable) => {
    const at = variable.indexOf('=');
    const [name, value] = [variable.slice(0, at), variable.slice(at + 1)];
    if (/proxy$/i.test(name)) return value.includes('@') ? [value] : [];
    return /passw|pwd|secret|token$|key$|credential|auth/i.test(name) ? [value] : [];
  });
}
