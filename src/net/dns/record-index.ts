import { encodeAnswer, encodeAuthority, encodeSoa, type Body } from './body.ts';
import { firstLabel, keyOfName, parentOf, ROOT_KEY, type NameKey } from './name.ts';
import type { DnsRecord, NameSet, RecordGroup, Zone } from './record.ts';
import { TYPE } from './wire.ts';

/**
 * The names of a set, found by key. A new set is taken in at once, between two questions, at the price of the groups that are not the same as before. What is asked for is
 * encoded at its first time and kept.
 */
export type Found =
  | { readonly kind: 'answer'; readonly body: Body }
  | { readonly kind: 'alias'; readonly body: Body; readonly target: NameKey }
  /** `exists`: under another type, or as a part of longer names. */
  | { readonly kind: 'none'; readonly body: Body; readonly exists: boolean };

type Entry = {
  records: readonly DnsRecord[];
  /** Names one label longer that are there. */
  children: number;
  bodies: Map<number, Body>;
};

type KnownZone = {
  readonly key: NameKey;
  readonly pods: NameKey | undefined;
  readonly soa: Buffer;
  /** That something is not there, by the length of its name: half of all questions (other types, search domains) are answered so. */
  readonly absences: Map<number, Body>;
};

export class RecordIndex {
  private readonly address: string;
  private groups: ReadonlySet<RecordGroup> = new Set();
  private readonly entries = new Map<NameKey, Entry>();
  private zones: ReadonlyMap<NameKey, KnownZone> = new Map();
  private zoneLengths: ReadonlySet<number> = new Set();
  private served: readonly Zone[] = [];
  /** What belongs to the zones themselves. */
  private own: RecordGroup = [];
  /** Of the set that is served now; in the zones' SOA. */
  serial = 0;

  /** Of the name server itself. */
  constructor(address: string) {
    this.address = address;
  }

  serve(names: NameSet): void {
    this.serial += 1;
    if (names.zones !== this.served) this.own = zoneRecords(names.zones, this.address);
    const groups = new Set(names.groups).add(this.own);
    for (const group of this.groups) if (!groups.has(group)) for (const record of group) this.remove(record);
    for (const group of groups) if (!this.groups.has(group)) for (const record of group) this.add(record);
    this.groups = groups;
    this.served = names.zones;
    this.zones = new Map(knownZones(names.zones, this.serial).map((zone) => [zone.key, zone]));
    this.zoneLengths = new Set([...this.zones.keys()].map(({ length }) => length));
  }

  /** Undefined: none of ours; others may know. */
  find(key: NameKey, type: number): Found | undefined {
    const entry = this.entries.get(key);
    const kept = entry?.bodies.get(type);
    if (kept !== undefined) return { kind: 'answer', body: kept };
    const alias = entry?.records.find((record) => record.type === 'CNAME');
    if (alias?.type === 'CNAME' && type !== TYPE.CNAME && type !== TYPE.ANY) {
      const target = keyOfName(alias.target);
      if (target !== undefined) return { kind: 'alias', body: encodeAnswer([alias], []), target };
    }
    const records = entry?.records.filter((record) => type === TYPE.ANY || TYPE[record.type] === type) ?? [];
    if (entry !== undefined && records.length > 0) {
      const body = encodeAnswer(records, this.additional(records));
      entry.bodies.set(type, body);
      return { kind: 'answer', body };
    }
    const zone = this.zoneOf(key);
    return zone === undefined ? undefined : this.findInZone(key, type, zone, entry !== undefined);
  }

  private findInZone(key: NameKey, type: number, zone: KnownZone, isKnown: boolean): Found {
    if (key === zone.key && (type === TYPE.SOA || type === TYPE.ANY))
      return { kind: 'answer', body: encodeAuthority(key, zone.key, zone.soa, true) };
    const pod = podAddress(key, zone.pods);
    if (pod !== undefined && (type === TYPE.A || type === TYPE.ANY))
      return { kind: 'answer', body: encodeAnswer([{ name: '', type: 'A', address: pod }], []) };
    const exists = isKnown || key === zone.key || pod !== undefined || isPartOfPods(key, zone.pods);
    return { kind: 'none', body: absence(key, zone), exists };
  }

  private zoneOf(key: NameKey): KnownZone | undefined {
    // Only what is as long as some zone is cut out and looked for: this is on the way of every other question.
    for (let at = 0; at < key.length; at += key.charCodeAt(at) + 1) {
      const zone = this.zoneLengths.has(key.length - at) ? this.zones.get(key.slice(at)) : undefined;
      if (zone !== undefined) return zone;
    }
    return undefined;
  }

  /** The addresses of the names that records lead to, each name once. */
  private additional(records: readonly DnsRecord[]): readonly DnsRecord[] {
    const targets = new Set(records.flatMap((record) => (record.type === 'SRV' ? [record.target] : [])));
    return [...targets].flatMap((target) => {
      const key = keyOfName(target);
      return key === undefined ? [] : (this.entries.get(key)?.records.filter(({ type }) => type === 'A') ?? []);
    });
  }

  private add(record: DnsRecord): void {
    const key = keyOfName(record.name);
    if (key === undefined) return;
    const entry = this.entryOf(key);
    entry.records = [...entry.records, record];
    entry.bodies.clear();
  }

  private remove(record: DnsRecord): void {
    const key = keyOfName(record.name);
    const entry = key === undefined ? undefined : this.entries.get(key);
    if (key === undefined || entry === undefined) return;
    entry.records = entry.records.filter((other) => other !== record);
    entry.bodies.clear();
    this.forgetEmpty(key, entry);
  }

  private entryOf(key: NameKey): Entry {
    const known = this.entries.get(key);
    if (known !== undefined) return known;
    const made: Entry = { records: [], children: 0, bodies: new Map() };
    this.entries.set(key, made);
    const parent = parentOf(key);
    if (parent !== undefined && parent !== ROOT_KEY) this.entryOf(parent).children += 1;
    return made;
  }

  private forgetEmpty(key: NameKey, entry: Entry): void {
    if (entry.records.length > 0 || entry.children > 0) return;
    this.entries.delete(key);
    const parent = parentOf(key);
    const above = parent === undefined ? undefined : this.entries.get(parent);
    if (parent === undefined || above === undefined) return;
    above.children -= 1;
    this.forgetEmpty(parent, above);
  }
}

/** Names of pods' namespaces, and what they are below. */
function isPartOfPods(key: NameKey, pods: NameKey | undefined): boolean {
  return pods !== undefined && key.endsWith(pods) && (key === pods || parentOf(key) === pods);
}

function absence(key: NameKey, zone: KnownZone): Body {
  const known = zone.absences.get(key.length);
  if (known !== undefined) return known;
  const body = encodeAuthority(key, zone.key, zone.soa, false);
  zone.absences.set(key.length, body);
  return body;
}

/** The zones' name server is a name of the first of them. */
const serverOf = ([primary]: readonly Zone[]): string => `ns.dns.${primary?.name ?? ''}`;

function zoneRecords(zones: readonly Zone[], address: string): RecordGroup {
  if (zones.length === 0) return [];
  const target = serverOf(zones);
  return [{ name: target, type: 'A', address }, ...zones.map(({ name }): DnsRecord => ({ name, type: 'NS', target }))];
}

function knownZones(zones: readonly Zone[], serial: number): readonly KnownZone[] {
  const server = keyOfName(serverOf(zones));
  const mailbox = keyOfName(`hostmaster.${zones[0]?.name ?? ''}`);
  if (server === undefined || mailbox === undefined) return [];
  const soa = encodeSoa(server, mailbox, serial);
  return zones.flatMap(({ name, pods }) => {
    const key = keyOfName(name);
    return key === undefined ? [] : [{ key, pods: pods === undefined ? undefined : keyOfName(pods), soa, absences: new Map() }];
  });
}

/** `10-32-0-5.default.pod.cluster.local`, of whatever namespace. */
function podAddress(key: NameKey, pods: NameKey | undefined): string | undefined {
  if (pods === undefined || !key.endsWith(pods)) return undefined;
  const above = parentOf(key);
  if (above === undefined || parentOf(above) !== pods) return undefined;
  const parts = firstLabel(key).split('-');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) < 256)
    ? parts.join('.')
    : undefined;
}
