export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

export const median = (values: readonly number[]): number => percentile(values, 0.5);

/** Runs `work` `total` times with `clients` at once; gives operations per second. */
export async function throughput(total: number, clients: number, work: (turn: number) => Promise<void>): Promise<number> {
  let next = 0;
  const since = performance.now();
  await Promise.all(
    Array.from({ length: clients }, async () => {
      while (next < total) await work(next++);
    }),
  );
  return total / ((performance.now() - since) / 1000);
}

/** One row of the bench's table. `budget` and `met` are empty where it has none. */
export type Row = {
  readonly what: string;
  readonly figure: string;
  readonly peer: string;
  readonly budget: string;
  readonly met: string;
};

export function row(what: string, figure: string, budget = '', met?: boolean, peer = ''): Row {
  return { what, figure, peer, budget, met: met === undefined ? '' : met ? 'yes' : 'NO' };
}

export function printTable(rows: readonly Row[]): void {
  const heads = ['what', 'figure', 'peer', 'budget', 'met'] as const;
  const widths = heads.map((head) => Math.max(head.length, ...rows.map((entry) => entry[head].length)));
  const line = (cells: readonly string[]) =>
    console.log(
      cells
        .map((cell, at) => cell.padEnd(widths[at] ?? 0))
        .join('  ')
        .trimEnd(),
    );
  line(heads);
  for (const entry of rows) line(heads.map((head) => entry[head]));
}
