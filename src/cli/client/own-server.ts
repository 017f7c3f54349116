import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SkerryError } from '#lib/error.ts';
import { createApiClient, type ApiClient, type ClientOutside } from './api-client.ts';
import { readKubeconfig } from './find-connection.ts';

/** The server of this machine, as its administrator, for the verbs that are about one server's data and not about whatever a kubeconfig names. */
export type OwnServer = {
  readonly client: ApiClient;
  readonly url: string;
  /** PEM, as the two below: the administrator's. */
  readonly ca: string;
  readonly certificate: string;
  readonly key: string;
  /** The same server by another URL. */
  readonly at: (url: string) => ApiClient;
};

export async function connectToOwnServer(dataDir: string, outside: ClientOutside): Promise<OwnServer> {
  const file = join(dataDir, 'admin.kubeconfig');
  if (!existsSync(file) && !existsSync(join(dataDir, 'server')) && existsSync(join(dataDir, 'agent')))
    throw new SkerryError('NotFound', `read ${file}: this machine is an agent's: do it on the server`);
  const connection = await readKubeconfig(file, 'the server writes it at its first start; give its --data-dir');
  const {
    server: url,
    ca,
    credentials: { certificate, key },
  } = connection;
  if (ca === undefined || certificate === undefined || key === undefined)
    throw new SkerryError('BadKubeconfig', `read ${file}: it is not what a server writes for its administrator`);
  const at = (server: string) => createApiClient({ ...connection, server }, outside);
  return { client: at(url), url, ca, certificate, key, at };
}
