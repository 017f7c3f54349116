import { SkerryError, hasCode } from '#lib/error.ts';
import type { Command } from './command.ts';
import { chooseIptables } from './iptables-variant.ts';
import {
  FORWARD_CHAIN,
  GUARD_CHAIN,
  INPUT_CHAIN,
  LAST_FORWARD_RULE,
  LAST_INPUT_RULE,
  MASQUERADE_CHAIN,
  OWN_CHAINS,
  PORTS_CHAIN,
  POSTROUTING_CHAIN,
  TABLE,
  forwardRules,
  forwardRulesGuarded,
  inputRules,
  iptablesRules,
  nftRules,
} from './rules.ts';
import type { NodeNetwork } from './wiring.ts';

/**
 * Keeps the node forwarding and masquerading for its pods, beside Docker's rules and whoever flushes them: each call looks whether everything stands
 * and puts right what does not.
 */
export type Firewall = {
  readonly ensure: (node: NodeNetwork, signal: AbortSignal) => Promise<void>;
  /** A light look between two calls: whether FORWARD or INPUT are other than the last call found them. */
  readonly isChanged: (signal: AbortSignal) => Promise<boolean>;
};

/** Rules by chain, as iptables tells them. */
type Standing = { readonly forward: string; readonly input: string };

type Accepts = { readonly from: string; readonly to: string; readonly rules: string; readonly last: string };

const FORWARD_ACCEPTS: Accepts = { from: 'FORWARD', to: FORWARD_CHAIN, rules: forwardRules(), last: LAST_FORWARD_RULE };
const INPUT_ACCEPTS: Accepts = { from: 'INPUT', to: INPUT_CHAIN, rules: inputRules(), last: LAST_INPUT_RULE };

const IP_FORWARD = '/proc/sys/net/ipv4/ip_forward';

export function createFirewall(run: Command): Firewall {
  /** Forwarding was off before us: what is not ours must not be forwarded on our account. */
  let guard = false;
  let backend: 'nft' | 'iptables' | undefined;
  /** What this process has put into the kernel. */
  let loaded: string | undefined;
  /** What stood in FORWARD and INPUT when the last whole look began: what it then changed itself is looked at once more. Nothing while one is under way or has failed: who called it calls again. */
  let found: Standing | undefined;
  let chosen: Command | undefined;
  let before: Promise<unknown> = Promise.resolve();

  const succeeds = (file: string, args: readonly string[], input: string, signal: AbortSignal): Promise<boolean> =>
    (file.startsWith('iptables') ? iptables : run)(file, args, input, signal).then(
      () => true,
      (error: unknown) => {
        if (hasCode(error, 'CommandFailed', 'ToolMissing')) return false;
        throw error;
      },
    );

  const iptables: Command = (...command) => (chosen ?? run)(...command);
  const holds = (args: readonly string[], signal: AbortSignal) => succeeds('iptables', args, '', signal);
  const restore = (rules: string, signal: AbortSignal) => iptables('iptables-restore', ['-w', '--noflush'], rules, signal);

  /** Read and written by commands like everything here: they may run in another network namespace than this process. */
  const forwards = async (signal: AbortSignal) => (await run('cat', [IP_FORWARD], '', signal)).trim() === '1';

  /** An earlier run of the agent turned forwarding on: its guard stands as the sign of it. */
  const hasGuard = (signal: AbortSignal) =>
    backend === 'nft'
      ? succeeds('nft', ['list', 'chain', 'ip', TABLE, GUARD_CHAIN], '', signal)
      : holds(['-w', '-C', FORWARD_CHAIN, '-j', 'DROP'], signal);

  const turnOn = async (signal: AbortSignal) => {
    if (await forwards(signal)) return;
    await run('tee', [IP_FORWARD], '1\n', signal).catch((error: unknown) => {
      throw new SkerryError('WiringFailed', 'turn on IP forwarding', { cause: error });
    });
  };

  /** Who flushes rules takes this one too. */
  const masquerades = (signal: AbortSignal) =>
    run('nft', ['list', 'chain', 'ip', TABLE, MASQUERADE_CHAIN], '', signal).then(
      (listing) => listing.includes('masquerade'),
      (error: unknown) => {
        if (hasCode(error, 'CommandFailed')) return false;
        throw error;
      },
    );

  const ensureNft = async (node: NodeNetwork, signal: AbortSignal) => {
    const rules = nftRules(node, guard);
    if (loaded === rules && (await masquerades(signal))) return;
    await run('nft', ['-f', '-'], rules, signal);
    loaded = rules;
  };

  const ensureJump = async (table: string, from: string, to: string, signal: AbortSignal) => {
    const rule = ['-j', to];
    if (await holds(['-w', '-t', table, '-C', from, ...rule], signal)) return;
    await iptables('iptables', ['-w', '-t', table, '-I', from, '1', ...rule], '', signal);
  };

  const ensureIptables = async (node: NodeNetwork, signal: AbortSignal) => {
    await restore(iptablesRules(node), signal);
    await ensureJump('nat', 'POSTROUTING', POSTROUTING_CHAIN, signal);
    await ensureJump('nat', 'PREROUTING', PORTS_CHAIN, signal);
    await ensureJump('nat', 'OUTPUT', PORTS_CHAIN, signal);
    await restore(guard ? forwardRulesGuarded() : forwardRules(), signal);
    await ensureJump('filter', 'FORWARD', FORWARD_CHAIN, signal);
  };

  const rulesOf = (chain: string, signal: AbortSignal) =>
    iptables('iptables', ['-w', '-S', chain], '', signal).catch((error: unknown) => {
      if (hasCode(error, 'CommandFailed', 'ToolMissing')) return `-P ${chain} ACCEPT`;
      throw error;
    });

  const look = async (signal: AbortSignal): Promise<Standing> => {
    const [forward, input] = await Promise.all([rulesOf('FORWARD', signal), rulesOf('INPUT', signal)]);
    return { forward, input };
  };

  /** Where a chain of iptables drops, or may (Docker's policy, a firewall's rules), pods are let through there too. */
  const ensureAccept = async ({ from, to, rules, last }: Accepts, standing: string, signal: AbortSignal) => {
    const others = standing.split('\n').filter((line) => line !== '' && !line.includes(OWN_CHAINS));
    if (others.length === 1 && others[0] === `-P ${from} ACCEPT`) return;
    if (!(await holds(['-w', '-C', to, ...last.split(' ')], signal))) await restore(rules, signal);
    await ensureJump('filter', from, to, signal);
  };

  const ensure = async (node: NodeNetwork, signal: AbortSignal) => {
    // The kernel's or the tool's refusal of the real rules is what decides, not a version.
    backend ??= (await succeeds('nft', ['-c', '-f', '-'], nftRules(node, true), signal)) ? 'nft' : 'iptables';
    chosen ??= await chooseIptables(run, signal);
    if (!guard) guard = !(await forwards(signal)) || (await hasGuard(signal));
    const standing = await look(signal);
    found = undefined;
    if (backend === 'nft') {
      await ensureNft(node, signal);
      await ensureAccept(FORWARD_ACCEPTS, standing.forward, signal);
    } else await ensureIptables(node, signal);
    await ensureAccept(INPUT_ACCEPTS, standing.input, signal);
    // Last: what must not be forwarded is dropped before anything is.
    await turnOn(signal);
    found = standing;
  };

  return {
    // One at a time: what one finds, and does, is what the next goes by.
    ensure: (node, signal) => {
      const turn = before.then(() => ensure(node, signal));
      before = turn.catch(() => undefined);
      return turn;
    },
    isChanged: async (signal) => {
      if (found === undefined) return false;
      const now = await look(signal);
      return found !== undefined && (now.forward !== found.forward || now.input !== found.input);
    },
  };
}
