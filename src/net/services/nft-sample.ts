import { TABLE } from '../wire/rules.ts';
import { createNftRules } from './nft-rules.ts';
import { nftChange } from './nft-text.ts';
import { NO_RULES, difference } from './ruleset.ts';
import { SAMPLE_TABLE, SAMPLE_ZONES } from './sample-table.ts';

/** Rules that have everything in them, for `nft -c`. Of a table that nobody has: they must not meet those that stand. */
export function nftSample(): string {
  const rules = createNftRules()(SAMPLE_TABLE, SAMPLE_ZONES);
  const change = difference(NO_RULES, rules);
  return change === undefined ? '' : nftChange(change, rules, `${TABLE}-check`);
}
