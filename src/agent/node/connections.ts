import { readFile } from 'node:fs/promises';

/** How full the kernel's table of connections is. No opinions. */
export type Connections = { readonly used: number; readonly max: number };

const FOLDER = '/proc/sys/net/netfilter';

/** Undefined where the kernel follows none, or does not say. */
export async function readConnections(): Promise<Connections | undefined> {
  const [used, max] = await Promise.all(
    ['count', 'max'].map(async (what) => Number(await readFile(`${FOLDER}/nf_conntrack_${what}`, 'utf8').catch(() => ''))),
  );
  return used === undefined || max === undefined || !(max > 0) ? undefined : { used, max };
}
