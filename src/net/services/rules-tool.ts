import type { Ruleset, RulesetChange } from './ruleset.ts';
import type { ServiceTable } from './service-table.ts';
import type { Frontend, UdpFrontends } from './udp-zones.ts';

/** One of the two ways into the kernel. */
export type RulesTool = {
  readonly rules: (table: ServiceTable, zones: ReadonlyMap<Frontend, number>) => Ruleset;
  /** Everything of ours that stands in the kernel, in the tool's own words. */
  readonly list: (signal: AbortSignal) => Promise<string>;
  readonly found: (listing: string) => FoundRules;
  /** All anew, whatever stands, in one transaction: connections go on, and clients stay with their endpoints. */
  readonly replace: (listing: string, to: Ruleset, signal: AbortSignal) => Promise<void>;
  readonly change: (change: RulesetChange, to: Ruleset, signal: AbortSignal) => Promise<void>;
  /** Puts right what others may have moved without flushing it. False: some of it was flushed after all, and all is to be made anew. */
  readonly straighten: (signal: AbortSignal) => Promise<boolean>;
  /** Takes away what this one has put up, as the other is used now. */
  readonly retire: (signal: AbortSignal) => Promise<void>;
};

/** What has to outlive a restart of the agent. */
export type FoundRules = { readonly frontends: UdpFrontends; readonly zones: ReadonlyMap<Frontend, number> };
