import { invalidError } from '#api/status.ts';

/** `dryRun` of a query or of DeleteOptions: absent or `All`; anything else is refused, for it must never count as "do it". */
export function isDryRun(asked: readonly unknown[], kind: string): boolean {
  if (asked.length === 0) return false;
  if (asked.every((text) => text === 'All')) return true;
  throw invalidError({ group: 'meta.k8s.io', name: kind }, '', [
    {
      reason: 'FieldValueNotSupported',
      field: 'dryRun',
      message: `Unsupported value: []string{${asked.map((text) => JSON.stringify(text)).join(', ')}}: supported values: "All"`,
    },
  ]);
}
