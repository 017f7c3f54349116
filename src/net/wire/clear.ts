import { hasCode } from '#lib/error.ts';
import { runCommand, type Command } from './command.ts';
import { IPTABLES } from './iptables-variant.ts';
import { removeOwnChains } from './own-chains.ts';
import { FORWARD_CHAIN, GUARD_CHAIN, LAN_ROUTES, SERVICE_ADDRESS, SERVICE_ROUTES, TABLE, isOthersInterface } from './rules.ts';
import { parseLook } from '../routes/parse-look.ts';
import { parseAliases, parseInterfaces } from './veth.ts';

/**
 * Takes back what wiring and firewall have made on this machine, for when it is a node no more. Each call looks what is there, so it can be made
 * again, and says what it has removed. Nobody else's rules, links or routes are touched.
 */
export type Clearing = {
  /** Links of pods but of these; their addresses and routes go with them. Gives their names. */
  readonly links: (keepPodUids: ReadonlySet<string>, signal: AbortSignal) => Promise<readonly string[]>;
  /** The nft table, the chains of every iptables and the jumps to them, the address for services and the routes to it. Gives their names. */
  readonly rules: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Turns forwarding off where the wiring had turned it on, and nobody else's interfaces live by it. To be asked before the rules go, which tell so. */
  readonly forwarding: (signal: AbortSignal) => Promise<'not ours' | 'turned off' | 'used by others'>;
};

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';
export function createClearing(run: Command = runCommand): Clearing {
  const succeeds = async (file: string, args: readonly string[], signal: AbortSignal): Promise<boolean> => {
    try {
      await run(file, args, '', signal);
      return true;
    } catch (error) {
      if (hasCode(error, 'CommandFailed', 'ToolMissing')) return false;
      throw error;
    }
  };

  const showLinks = (signal: AbortSignal) => run('ip', ['-json', 'link', 'show'], '', signal);

  const removeLink = (name: string, signal: AbortSignal) =>
    run('ip', ['link', 'del', name], '', signal).catch((error: unknown) => {
      // It went with its pod meanwhile.
      if (!hasCode(error, 'CommandFailed') || !error.message.includes('Cannot find device')) throw error;
    });

  const outputOf = async (file: string, args: readonly string[], signal: AbortSignal): Promise<string> => {
    try {
      return await run(file, args, '', signal);
    } catch (error) {
      if (hasCode(error, 'CommandFailed', 'ToolMissing')) return '';
      throw error;
    }
  };

  const removeServiceAddress = async (signal: AbortSignal): Promise<readonly string[]> => {
    const own = ['-json', '-4', 'addr', 'show', 'dev', 'lo'];
    if (!(await outputOf('ip', own, signal)).includes(`"${SERVICE_ADDRESS}"`)) return [];
    await run('ip', ['route', 'flush', 'proto', SERVICE_ROUTES], '', signal);
    await run('ip', ['addr', 'del', `${SERVICE_ADDRESS}/32`, 'dev', 'lo'], '', signal);
    return [`address ${SERVICE_ADDRESS}`];
  };

  const removeLanRoutes = async (signal: AbortSignal): Promise<readonly string[]> => {
    const routes = parseLook(
      '',
      '',
      await outputOf('ip', ['-json', '-4', 'route', 'show', 'proto', LAN_ROUTES], signal),
      '',
    ).routes;
    if (routes.length === 0) return [];
    await run('ip', ['-4', 'route', 'flush', 'proto', LAN_ROUTES], '', signal);
    return [`${routes.length} routes to other nodes' pods`];
  };

  return {
    links: async (keepPodUids, signal) => {
      const shown = await showLinks(signal);
      const aliases = parseAliases(shown);
      const names = parseInterfaces(shown).filter((name) => !keepPodUids.has(aliases.get(name) ?? ''));
      for (const name of names) await removeLink(name, signal);
      return names;
    },
    rules: async (signal) => {
      const removed: string[] = [];
      if (await succeeds('nft', ['list', 'table', 'ip', TABLE], signal)) {
        await run('nft', ['delete', 'table', 'ip', TABLE], '', signal);
        removed.push(`nft table ${TABLE}`);
      }
      const chains = (await removeOwnChains(run, signal)).map((name) => `iptables chain ${name.replace(SERVICE_CHAIN, '$1*')}`);
      removed.push(...[...new Set(chains)].toSorted());
      removed.push(...(await removeServiceAddress(signal)), ...(await removeLanRoutes(signal)));
      return removed;
    },
    forwarding: async (signal) => {
      const isGuarded =
        (await succeeds('nft', ['list', 'chain', 'ip', TABLE, GUARD_CHAIN], signal)) ||
        (await isAny(IPTABLES, (variant) => succeeds(variant, ['-w', '-C', FORWARD_CHAIN, '-j', 'DROP'], signal)));
      if (!isGuarded) return 'not ours';
      if (parseInterfaces(await showLinks(signal), '').some(isOthersInterface)) return 'used by others';
      await run('tee', [IP_FORWARD], '0\n', signal);
      return 'turned off';
    },
  };
}

async function isAny<T>(all: readonly T[], judge: (each: T) => Promise<boolean>): Promise<boolean> {
  for (const each of all) if (await judge(each)) return true;
  return false;
}

/** Those of services are many. */
const SERVICE_CHAIN = /^(SKERRY-SVC-).*/;
