import { SkerryError, hasCode } from '#lib/error.ts';
import type { Command } from './command.ts';
import {
  FORWARD_CHAIN,
  GUARD_CHAIN,
  PORTS_CHAIN,
  POSTROUTING_CHAIN,
  TABLE,
  forwardRules,
  forwardRulesGuarded,
  iptablesRules,
  nftMark,
  nftRules,
} from './rules.ts';
import type { NodeNetwork } from './wiring.ts';

/**
 * Keeps the node forwarding and masquerading for its pods, beside Docker's rules and whoever flushes them: each call looks whether everything stands
 * and puts right what does not.
 */
export type Firewall = { readonly ensure: (node: NodeNetwork, signal: AbortSignal) => Promise<void> };

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

export function createFirewall(run: Command): Firewall {
  /** Forwarding was off before us: what is not ours must not be forwarded on our account. */
  let guard = false;
  let backend: 'nft' | 'iptables' | undefined;
  let before: Promise<unknown> = Promise.resolve();

  const succeeds = async (file: string, args: readonly string[], input: string, signal: AbortSignal): Promise<boolean> => {
    try {
      await run(file, args, input, signal);
      return true;
    } catch (error) {
      if (hasCode(error, 'CommandFailed', 'ToolMissing')) return false;
      throw error;
    }
  };

  /** Read and written by commands like everything here: they may run in another network namespace than this process. */
  const forwards = async (signal: AbortSignal) => (await run('cat', [IP_FORWARD], '', signal)).trim() === '1';

  /** An earlier run of the agent turned forwarding on: its guard stands as the sign of it. */
  const hasGuard = (signal: AbortSignal) =>
    backend === 'nft'
      ? succeeds('nft', ['list', 'chain', 'ip', TABLE, GUARD_CHAIN], '', signal)
      : succeeds('iptables', ['-w', '-C', FORWARD_CHAIN, '-j', 'DROP'], '', signal);

  const turnOn = async (signal: AbortSignal) => {
    if (await forwards(signal)) return;
    await run('tee', [IP_FORWARD], '1\n', signal).catch((error: unknown) => {
      throw new SkerryError('WiringFailed', 'turn on IP forwarding', { cause: error });
    });
  };

  const ensureNft = async (node: NodeNetwork, signal: AbortSignal) => {
    if (await succeeds('nft', ['list', 'chain', 'ip', TABLE, nftMark(node, guard)], '', signal)) return;
    await run('nft', ['-f', '-'], nftRules(node, guard), signal);
  };

  const ensureJump = async (table: string, from: string, to: string, signal: AbortSignal) => {
    const rule = ['-j', to];
    if (await succeeds('iptables', ['-w', '-t', table, '-C', from, ...rule], '', signal)) return;
    await run('iptables', ['-w', '-t', table, '-I', from, '1', ...rule], '', signal);
  };

  const ensureIptables = async (node: NodeNetwork, signal: AbortSignal) => {
    await run('iptables-restore', ['-w', '--noflush'], iptablesRules(node), signal);
    await ensureJump('nat', 'POSTROUTING', POSTROUTING_CHAIN, signal);
    await ensureJump('nat', 'PREROUTING', PORTS_CHAIN, signal);
    await ensureJump('nat', 'OUTPUT', PORTS_CHAIN, signal);
    await run('iptables-restore', ['-w', '--noflush'], guard ? forwardRulesGuarded() : forwardRules(), signal);
    await ensureJump('filter', 'FORWARD', FORWARD_CHAIN, signal);
  };

  /** Where the FORWARD chain of iptables drops, or may (Docker's policy, a firewall's rules), pods are let through there too. */
  const ensureForwardAccept = async (signal: AbortSignal) => {
    const rules = await run('iptables', ['-w', '-S', 'FORWARD'], '', signal).catch((error: unknown) => {
      if (hasCode(error, 'CommandFailed', 'ToolMissing')) return '-P FORWARD ACCEPT';
      throw error;
    });
    const others = rules.split('\n').filter((line) => line !== '' && !line.includes(FORWARD_CHAIN));
    if (others.length === 1 && others[0] === '-P FORWARD ACCEPT') return;
    if (!(await succeeds('iptables', ['-w', '-C', FORWARD_CHAIN, '-o', 'skr+', '-j', 'ACCEPT'], '', signal))) {
      await run('iptables-restore', ['-w', '--noflush'], forwardRules(), signal);
    }
    await ensureJump('filter', 'FORWARD', FORWARD_CHAIN, signal);
  };

  const ensure = async (node: NodeNetwork, signal: AbortSignal) => {
    // The kernel's or the tool's refusal of the real rules is what decides, not a version.
    backend ??= (await succeeds('nft', ['-c', '-f', '-'], nftRules(node, true), signal)) ? 'nft' : 'iptables';
    if (!guard) guard = !(await forwards(signal)) || (await hasGuard(signal));
    if (backend === 'nft') {
      await ensureNft(node, signal);
      await ensureForwardAccept(signal);
    } else await ensureIptables(node, signal);
    // Last: what must not be forwarded is dropped before anything is.
    await turnOn(signal);
  };

  return {
    // One at a time: what one finds, and does, is what the next goes by.
    ensure: (node, signal) => {
      const turn = before.then(() => ensure(node, signal));
      before = turn.catch(() => undefined);
      return turn;
    },
  };
}
