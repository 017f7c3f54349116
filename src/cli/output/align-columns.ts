/**
 * Columns as Go's text/tabwriter aligns them with kubectl's settings (elastic tab stops: a column is as wide as its widest cell in a block of
 * lines that all have it; what stands last in a line belongs to no column).
 */
export type Alignment = {
  /** The text with its columns aligned, and how wide each was at least since the beginning. Lines end in a newline. */
  readonly align: (lines: readonly string[]) => string;
};

const WIDTH_MIN = 6;
const PADDING = 3;

/** Columns never become narrower from one call to the next, as rows of a watch come one by one. */
export function createAlignment(): Alignment {
  const remembered: number[] = [];

  return {
    align: (lines) => {
      const rows = lines.flatMap((line) => line.split('\n')).map((line) => line.split(/[\t\v]/));
      const texts: string[] = [];
      format(rows, 0, rows.length, [], texts);
      return texts.map((text) => `${text}\n`).join('');
    },
  };

  /** Writes rows [from, to) that share columns of these widths. */
  function format(
    rows: readonly (readonly string[])[],
    from: number,
    to: number,
    widths: readonly number[],
    texts: string[],
  ): void {
    const column = widths.length;
    let at = from;
    for (let row = from; row < to;) {
      if (!hasColumn(rows[row], column)) {
        row += 1;
        continue;
      }
      write(rows.slice(at, row), widths, texts);
      let end = row;
      while (end < to && hasColumn(rows[end], column)) end += 1;
      const cells = rows.slice(row, end).map((cellsOfRow) => lengthOf(cellsOfRow[column] ?? '') + PADDING);
      const width = Math.max(
        WIDTH_MIN,
        remembered[column] ?? 0,
        cells.reduce((a, b) => Math.max(a, b), 0),
      );
      remembered[column] = width;
      format(rows, row, end, [...widths, width], texts);
      at = end;
      row = end;
    }
    write(rows.slice(at, to), widths, texts);
  }
}

function hasColumn(row: readonly string[] | undefined, column: number): boolean {
  return row !== undefined && column < row.length - 1;
}

function write(rows: readonly (readonly string[])[], widths: readonly number[], texts: string[]): void {
  for (const row of rows)
    texts.push(row.map((cell, column) => (column < row.length - 1 ? padded(cell, widths[column] ?? 0) : cell)).join(''));
}

function padded(cell: string, width: number): string {
  return cell + ' '.repeat(Math.max(0, width - lengthOf(cell)));
}

/** In code points, as Go counts runes. */
function lengthOf(text: string): number {
  return ASCII.test(text) ? text.length : Array.from(text).length;
}

const ASCII = /^[ -~]*$/;
