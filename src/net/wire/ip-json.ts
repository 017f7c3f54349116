/** What `ip -json` says, read once at the edge: records whose fields nobody has looked at yet. */
export type IpRecord = Readonly<Record<string, unknown>>;

/** It prints nothing at all where there is nothing. */
export function ipRecords(json: string): readonly IpRecord[] {
  const parsed: unknown = json.trim() === '' ? [] : JSON.parse(json);
  return Array.isArray(parsed) ? parsed.map(asRecord) : [];
}

export function asRecord(value: unknown): IpRecord {
  // Just checked to be an object; its fields stay unknown.
  return typeof value === 'object' && value !== null ? (value as IpRecord) : {};
}

/** '' where it has none of that name. */
export function textOf(record: IpRecord, name: string): string {
  const value = record[name];
  return typeof value === 'string' ? value : '';
}
