import { hasCode } from '#lib/error.ts';
import { runCommand, type Command } from './command.ts';
import { FORWARD_CHAIN, GUARD_CHAIN, PORTS_CHAIN, POSTROUTING_CHAIN, TABLE, isOthersInterface } from './rules.ts';
import { parseAliases, parseInterfaces } from './veth.ts';

/**
 * Takes back what wiring and firewall have made on this machine, for when it is a node no more. Each call looks what is there, so it can be made
 * again, and says what it has removed. Nobody else's rules, links or routes are touched.
 */
export type Clearing = {
  /** Links of pods but of these; their addresses and routes go with them. Gives their names. */
  readonly links: (keepPodUids: ReadonlySet<string>, signal: AbortSignal) => Promise<readonly string[]>;
  /** The nft table, the chains of iptables and the jumps to them. Gives their names. */
  readonly rules: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Turns forwarding off where the wiring had turned it on, and nobody else's interfaces live by it. To be asked before the rules go, which tell so. */
  readonly forwarding: (signal: AbortSignal) => Promise<'not ours' | 'turned off' | 'used by others'>;
};

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';
/** Of one jump: more are never made, and a table that is being written to meanwhile must not keep us. */
const COPIES_MAX = 8;

const CHAINS = [
  { table: 'nat', chain: POSTROUTING_CHAIN, from: ['POSTROUTING'] },
  { table: 'nat', chain: PORTS_CHAIN, from: ['PREROUTING', 'OUTPUT'] },
  { table: 'filter', chain: FORWARD_CHAIN, from: ['FORWARD'] },
] as const;

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

  const removeChain = async ({ table, chain, from }: (typeof CHAINS)[number], signal: AbortSignal) => {
    for (const jump of from)
      for (let copy = 0; copy < COPIES_MAX; copy += 1)
        if (!(await succeeds('iptables', ['-w', '-t', table, '-D', jump, '-j', chain], signal))) break;
    await run('iptables', ['-w', '-t', table, '-F', chain], '', signal);
    await run('iptables', ['-w', '-t', table, '-X', chain], '', signal);
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
      for (const each of CHAINS) {
        if (!(await succeeds('iptables', ['-w', '-t', each.table, '-S', each.chain], signal))) continue;
        await removeChain(each, signal);
        removed.push(`iptables chain ${each.chain}`);
      }
      return removed;
    },
    forwarding: async (signal) => {
      const isGuarded =
        (await succeeds('nft', ['list', 'chain', 'ip', TABLE, GUARD_CHAIN], signal)) ||
        (await succeeds('iptables', ['-w', '-C', FORWARD_CHAIN, '-j', 'DROP'], signal));
      if (!isGuarded) return 'not ours';
      if (parseInterfaces(await showLinks(signal), '').some(isOthersInterface)) return 'used by others';
      await run('tee', [IP_FORWARD], '0\n', signal);
      return 'turned off';
    },
  };
}
