import type { Command } from '../wire/command.ts';
import { removeOwnChains } from '../wire/own-chains.ts';
import { FORWARD_CHAIN } from '../wire/rules.ts';
import { parseIptablesChains, parseIptablesFound } from './iptables-listing.ts';
import { IPTABLES_PREFIX, JUMPS, createIptablesRules } from './iptables-rules.ts';
import { iptablesChange } from './iptables-text.ts';
import { NO_RULES, difference } from './ruleset.ts';
import type { RulesTool } from './rules-tool.ts';

type Jump = { readonly table: string; readonly from: string; readonly to: string };

const EACH_JUMP: readonly Jump[] = JUMPS.flatMap(({ table, from, to }) => from.map((chain) => ({ table, from: chain, to })));

/** `run` has iptables stand for the variant that is to be used: src/net/wire/iptables-variant.ts. */
export function createIptablesTool(run: Command): RulesTool {
  const load = (text: string, signal: AbortSignal) => run('iptables-restore', ['-w', '--noflush'], text, signal);

  const insert = ({ table, from, to }: Jump, signal: AbortSignal) =>
    run('iptables', ['-w', '-t', table, '-I', from, '1', '-j', to], '', signal);

  /** Puts it before what it must come before. False: it is not there. */
  const straightenJump = async (jump: Jump, signal: AbortSignal): Promise<boolean> => {
    const { table, from, to } = jump;
    const rules = (await run('iptables', ['-w', '-t', table, '-S', from], '', signal)).split('\n');
    const at = rules.indexOf(`-A ${from} -j ${to}`);
    // What nobody answers is refused before the chain that lets everything of a pod through.
    const accepts = rules.indexOf(`-A ${from} -j ${FORWARD_CHAIN}`);
    if (at < 0 || accepts < 0 || at < accepts) return at >= 0;
    await insert(jump, signal);
    await run('iptables', ['-w', '-t', table, '-D', from, String(at + 1)], '', signal);
    return true;
  };

  return {
    rules: createIptablesRules(),
    list: async (signal) => {
      const tables = ['raw', 'nat', 'filter'].map((table) => run('iptables-save', ['-t', table], '', signal));
      return (await Promise.all(tables)).join('\n');
    },
    found: parseIptablesFound,
    replace: async (listing, to, signal) => {
      const change = difference(NO_RULES, to);
      if (change === undefined) return;
      const stale = parseIptablesChains(listing).filter((name) => !to.chains.has(name) && !to.sets.has(name));
      await load(iptablesChange(change, to, stale), signal);
      for (const jump of EACH_JUMP) if (!(await straightenJump(jump, signal))) await insert(jump, signal);
    },
    change: async (change, to, signal) => void (await load(iptablesChange(change, to), signal)),
    // Who flushes a table takes its jumps and what is in our chains alike.
    straighten: async (signal) => {
      for (const jump of EACH_JUMP) if (!(await straightenJump(jump, signal))) return false;
      return true;
    },
    retire: async (signal) => void (await removeOwnChains(run, signal, IPTABLES_PREFIX)),
  };
}
