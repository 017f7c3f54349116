import { hasCode } from '#lib/error.ts';
import type { Command } from '../wire/command.ts';
import { TABLE } from '../wire/rules.ts';
import { parseNftFound, parseNftStanding } from './nft-listing.ts';
import { createNftRules } from './nft-rules.ts';
import { nftChange, nftRemoval } from './nft-text.ts';
import { NO_RULES, difference, type Ruleset } from './ruleset.ts';
import type { RulesTool } from './rules-tool.ts';
import { nftSample } from './nft-sample.ts';

export function createNftTool(run: Command): RulesTool {
  const load = (text: string, signal: AbortSignal) => run('nft', ['-f', '-'], text, signal).then(() => undefined);
  const list = (signal: AbortSignal) =>
    run('nft', ['list', 'table', 'ip', TABLE], '', signal).catch((error: unknown) => {
      // There is none yet.
      if (hasCode(error, 'CommandFailed', 'ToolMissing')) return '';
      throw error;
    });
  return {
    rules: createNftRules(),
    list,
    found: parseNftFound,
    replace: (listing, to, signal) => load(replacement(listing, to), signal),
    change: (change, to, signal) => load(nftChange(change, to), signal),
    straighten: () => Promise.resolve(true),
    retire: async (signal) => {
      const standing = parseNftStanding(await list(signal));
      if (standing.chains.length > 0) await load(nftRemoval(standing, new Set()), signal);
    },
  };
}

/** Both the tool and the kernel are asked, with rules that have everything in them. */
export async function canNft(run: Command, signal: AbortSignal): Promise<boolean> {
  try {
    await run('nft', ['-c', '-f', '-'], nftSample(), signal);
    return true;
  } catch (error) {
    if (hasCode(error, 'CommandFailed', 'ToolMissing')) return false;
    throw error;
  }
}

/** Clients that are remembered stay so: the sets of endpoints are left as they are. */
function replacement(listing: string, to: Ruleset): string {
  const standing = parseNftStanding(listing);
  const names = new Set([...to.sets.keys()].filter((name) => name.includes('-stay-')));
  const keep = new Map(standing.sets.filter(({ name }) => names.has(name)).map(({ name }) => [name, to.sets.get(name) ?? '']));
  const change = difference({ ...NO_RULES, sets: keep }, to);
  return nftRemoval(standing, new Set(keep.keys())) + (change === undefined ? '' : nftChange(change, to));
}
