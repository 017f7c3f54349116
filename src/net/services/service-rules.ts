import { hasCode } from '#lib/error.ts';
import { chooseIptables } from '../wire/iptables-variant.ts';
import { runCommand, type Command } from '../wire/command.ts';
import { createIptablesTool } from './iptables-tool.ts';
import { ensureServiceAddress } from './service-address.ts';
import { canNft, createNftTool } from './nft-tool.ts';
import { difference, type Ruleset } from './ruleset.ts';
import type { RulesTool } from './rules-tool.ts';
import type { ServiceTable } from './service-table.ts';
import { nextZones, udpFrontends, type Frontend, type UdpFrontends } from './udp-zones.ts';

/**
 * Keeps the kernel leading to services as a table says. It remembers what it has put there, so that a change costs what changes; whether that
 * still stands it finds out by `isStanding`, at each call in which nothing has changed and before each change.
 */
export type ServiceRules = {
  /**
   * Level-triggered: meant to be called at each change, and every few seconds besides. What is flushed is put back by the next call; `made anew` but for
   * the first time means that it was, and the node's other rules (Wiring.ensureNode) most likely with it.
   */
  readonly ensure: (table: ServiceTable, signal: AbortSignal) => Promise<'stood' | 'changed' | 'made anew'>;
};

export type ServiceRulesOptions = {
  /** In the network namespace that the rules are for; this process's own if nothing is said. */
  readonly run?: Command;
  /** A cheap question to ourselves, by a way that only goes through the rules (askThroughRedirect). False: they were flushed. */
  readonly isStanding: (signal: AbortSignal) => Promise<boolean>;
};

type Standing = { readonly ruleset: Ruleset; readonly frontends: UdpFrontends; readonly zones: ReadonlyMap<Frontend, number> };

export function createServiceRules({ run = runCommand, isStanding }: ServiceRulesOptions): ServiceRules {
  let tool: RulesTool | undefined;
  let standing: Standing | undefined;
  let before: Promise<unknown> = Promise.resolve();

  const chooseTool = async (signal: AbortSignal) => {
    const [nft, iptables] = [createNftTool(run), createIptablesTool(await chooseIptables(run, signal))];
    const [use, other] = (await canNft(run, signal)) ? [nft, iptables] : [iptables, nft];
    // nftables was installed, say, since an earlier run of the agent.
    await other.retire(signal);
    return use;
  };

  const next = (use: RulesTool, table: ServiceTable, from: Pick<Standing, 'frontends' | 'zones'>): Standing => {
    const frontends = udpFrontends(table);
    const zones = nextZones(from.zones, from.frontends, frontends);
    return { ruleset: use.rules(table, zones), frontends, zones };
  };

  const replace = async (use: RulesTool, table: ServiceTable, known: Standing | undefined, signal: AbortSignal) => {
    await ensureServiceAddress(run, table, signal);
    const listing = await use.list(signal);
    const to = next(use, table, known ?? use.found(listing));
    await use.replace(listing, to.ruleset, signal);
    standing = to;
    return 'made anew' as const;
  };

  const ensure = async (table: ServiceTable, signal: AbortSignal) => {
    tool ??= await chooseTool(signal);
    const known = standing;
    if (known === undefined || !(await isStanding(signal))) return replace(tool, table, known, signal);
    const to = next(tool, table, known);
    const change = difference(known.ruleset, to.ruleset);
    if (change === undefined) {
      await ensureServiceAddress(run, table, signal);
      return (await tool.straighten(signal)) ? 'stood' : replace(tool, table, known, signal);
    }
    try {
      await tool.change(change, to.ruleset, signal);
    } catch (error) {
      // It may have been flushed since we asked.
      if (!hasCode(error, 'CommandFailed')) throw error;
      return replace(tool, table, known, signal);
    }
    standing = to;
    return 'changed';
  };

  return {
    // One at a time: what one finds, and does, is what the next goes by.
    ensure: (table, signal) => {
      const turn = before.then(() => ensure(table, signal));
      before = turn.catch(() => undefined);
      return turn;
    },
  };
}
