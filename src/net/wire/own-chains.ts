import type { Command } from './command.ts';
import { IPTABLES, savedRules } from './iptables-variant.ts';
import { OWN_CHAINS } from './rules.ts';

/**
 * Takes away chains of ours, with all that leads into them, in every iptables of this machine: found by their prefix, whichever release has made
 * them. Gives their names.
 */
export async function removeOwnChains(run: Command, signal: AbortSignal, prefix = OWN_CHAINS): Promise<readonly string[]> {
  const removed: string[] = [];
  for (const variant of IPTABLES) {
    const standing = parseOwnChains(await savedRules(run, variant, signal), prefix);
    if (standing.chains.length === 0) continue;
    await run(`${variant}-restore`, ['-w', '--noflush'], chainsRemoval(standing), signal);
    removed.push(...standing.chains.map(({ name }) => name));
  }
  return removed;
}

type OwnChains = {
  readonly chains: readonly { readonly table: string; readonly name: string }[];
  /** Rules of others' chains. */
  readonly jumps: readonly { readonly table: string; readonly rule: string }[];
};

/** From iptables-save. */
function parseOwnChains(listing: string, prefix: string): OwnChains {
  let table = '';
  const chains: { readonly table: string; readonly name: string }[] = [];
  const jumps: { readonly table: string; readonly rule: string }[] = [];
  for (const line of listing.split('\n')) {
    if (line.startsWith('*')) table = line.slice(1).trim();
    const [, name = ''] = /^:(\S+)/.exec(line) ?? [];
    if (name.startsWith(prefix)) chains.push({ table, name });
    const [, from = '', rule = '', to = ''] = /^-A (\S+) (.*-[jg] (\S+).*)$/.exec(line) ?? [];
    if (to.startsWith(prefix) && !from.startsWith(prefix)) jumps.push({ table, rule: `${from} ${rule}` });
  }
  return { chains, jumps };
}

/** For iptables-restore --noflush. */
function chainsRemoval({ chains, jumps }: OwnChains): string {
  return [...new Set(chains.map(({ table }) => table))]
    .flatMap((its) => {
      const names = chains.filter(({ table }) => table === its).map(({ name }) => name);
      const leads = jumps.filter(({ table }) => table === its);
      return [
        `*${its}`,
        ...leads.map(({ rule }) => `-D ${rule}`),
        ...['-F', '-X'].flatMap((verb) => names.map((name) => `${verb} ${name}`)),
        'COMMIT',
        '',
      ];
    })
    .join('\n');
}
