import type { Context } from './context.ts';

/** What is being done, on one line of stderr that is written over again and again; only where a person watches, else nothing at all. */
export type ProgressLine = { readonly show: (text: string) => void; readonly clear: () => void };

/** A narrow terminal would begin a new line, which can not be taken back. */
const LENGTH_MAX = 78;

export function progressLine(context: Pick<Context, 'stderr' | 'isTerminal'>): ProgressLine {
  if (!context.isTerminal('stderr')) return { show: () => undefined, clear: () => undefined };
  return {
    show: (text) => context.stderr(`\r\u001b[K${text.length > LENGTH_MAX ? `${text.slice(0, LENGTH_MAX - 1)}…` : text}`),
    clear: () => context.stderr('\r\u001b[K'),
  };
}
