/** Columns as kubectl sets them: three blanks between, each as wide as its widest cell; what a terminal would act on is taken out. */
const GAP = 3;

export function tableText(headers: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [headers, ...rows].map((row) => row.map((cell) => cell.replaceAll(/\p{Cc}/gu, ' ')));
  const widths = headers.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map(
      (line) =>
        `${line
          .map((cell, column) => cell.padEnd((widths[column] ?? 0) + GAP))
          .join('')
          .trimEnd()}\n`,
    )
    .join('');
}
