/**
 * What a name server answers from, as data: records in groups (one group to a service, say), so that a change of one touches the records of no other. Names are
 * text without a dot at the end. A set is a value: a new one is served from one moment to the next.
 */
export type NameSet = {
  readonly zones: readonly Zone[];
  /** A group that is the same object as in the set before is not looked into. */
  readonly groups: readonly RecordGroup[];
};

export type Zone = {
  /** `cluster.local`: what is asked below it is answered from here only. */
  readonly name: string;
  /** Names `10-32-0-5.<label>.<pods>` are the addresses they say. */
  readonly pods?: string;
};

export type RecordGroup = readonly DnsRecord[];

export type DnsRecord = { readonly name: string } & RecordData;

export type RecordData =
  | { readonly type: 'A'; readonly address: string }
  | { readonly type: 'CNAME'; readonly target: string }
  | { readonly type: 'NS'; readonly target: string }
  | { readonly type: 'PTR'; readonly target: string }
  | { readonly type: 'SRV'; readonly port: number; readonly weight: number; readonly target: string }
  | { readonly type: 'TXT'; readonly text: string };
