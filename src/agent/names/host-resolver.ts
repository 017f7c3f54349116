import { readFile } from 'node:fs/promises';
import { parseResolvConf, type Resolver } from '../volumes/resolv-conf.ts';

/** The node's own resolvers, from its files: read anew each time, for whoever gets the node its address (DHCP clients, modems) puts other files in their place. */
export type HostFiles = {
  readonly resolvConf: string;
  /** systemd-resolved's own list: where `resolvConf` names only its stub, what stands behind that. */
  readonly behindStub: string;
};

export const HOST_FILES: HostFiles = { resolvConf: '/etc/resolv.conf', behindStub: '/run/systemd/resolve/resolv.conf' };

/** Of systemd-resolved. */
const STUBS: ReadonlySet<string> = new Set(['127.0.0.53', '127.0.0.54']);

export async function readHostResolver({ resolvConf, behindStub }: HostFiles): Promise<Resolver> {
  const resolver = parseResolvConf(await readOrNothing(resolvConf));
  if (!resolver.nameservers.some((address) => STUBS.has(address))) return resolver;
  const behind = parseResolvConf(await readOrNothing(behindStub));
  return behind.nameservers.length === 0 ? resolver : behind;
}

async function readOrNothing(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}
