import { SkerryError, hasCode } from '#lib/error.ts';
import { runCommand, type Command } from './command.ts';
import { createFirewall } from './firewall.ts';
import { aliasOf, hostBatch, interfaceName, parseInterfaces, parseMtu, parseWired, podBatch } from './veth.ts';
import type { WireRequest, Wiring } from './wiring.ts';

const FILTER_DEFAULT = '/proc/sys/net/ipv4/conf/default/rp_filter';

/** Pod wiring with iproute2 and nsenter, in the network namespace that `run` runs its commands in (this process's own). Needs root. */
export function createWiring(run: Command = runCommand): Wiring {
  const firewall = createFirewall(run);
  let mtu: number | undefined;
  let filters: boolean | undefined;

  const links = (signal: AbortSignal) => run('ip', ['-json', 'link', 'show'], '', signal);

  const remove = async (name: string, signal: AbortSignal) => {
    if (!parseInterfaces(await links(signal)).includes(name)) return;
    await run('ip', ['link', 'del', name], '', signal).catch((error: unknown) => {
      // It went with its namespace meanwhile.
      if (!hasCode(error, 'CommandFailed') || !error.message.includes('Cannot find device')) throw error;
    });
  };

  const measureMtu = async (signal: AbortSignal): Promise<number> => {
    const [all, routes] = await Promise.all([links(signal), run('ip', ['-json', '-4', 'route', 'show', 'default'], '', signal)]);
    mtu = parseMtu(all, routes);
    return mtu;
  };

  const attach = async (request: WireRequest, signal: AbortSignal) => {
    const name = interfaceName(request.podUid);
    const size = mtu ?? (await measureMtu(signal));
    const add = () => run('ip', ['-batch', '-'], hostBatch(request, size), signal);
    await add().catch(async (error: unknown) => {
      if (!hasCode(error, 'CommandFailed')) throw error;
      await remove(name, signal);
      await add();
    });
    // A pod sends from its own address and no other; where the node filters by itself, its own way holds.
    filters ??= (await run('cat', [FILTER_DEFAULT], '', signal).catch(() => '0')).trim() !== '0';
    // Where the kernel has no such switch, it does not filter.
    if (!filters) await run('tee', [`/proc/sys/net/ipv4/conf/${name}/rp_filter`], '1\n', signal).catch(() => undefined);
    await run('nsenter', ['-t', String(request.pid), '-n', 'ip', '-batch', '-'], podBatch(request), signal);
    await run('ip', ['link', 'set', 'dev', name, 'alias', aliasOf(request)], '', signal);
  };

  return {
    observe: async (signal) => {
      const [all, routes] = await Promise.all([links(signal), run('ip', ['-json', '-4', 'route', 'show'], '', signal)]);
      return parseWired(all, routes);
    },
    wire: async (request, signal) => {
      if (request.pid <= 0) throw new SkerryError('WiringFailed', `wire pod ${request.podUid}: its sandbox has no process`);
      await attach(request, signal).catch((error: unknown) => {
        throw new SkerryError('WiringFailed', `wire pod ${request.podUid} at ${request.address}`, { cause: error });
      });
    },
    unwire: (podUid, signal) => remove(interfaceName(podUid), signal),
    ensureNode: async (node, signal) => {
      await firewall.ensure(node, signal);
      await measureMtu(signal);
    },
    isNodeChanged: firewall.isChanged,
  };
}
