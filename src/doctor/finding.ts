/** What a check has to say: one sentence a person can use and, where something is wrong, what solves it. Data only. */
export type Status = 'ok' | 'warning' | 'error' | 'unknown';

export type Verdict = {
  readonly status: Status;
  readonly message: string;
  /** One or more lines, commands among them, each on a line of its own. */
  readonly advice?: string;
};

export type Finding = Verdict & { readonly check: string };

export const ok = (message: string): Verdict => ({ status: 'ok', message });
/** It works, but less well than it could. */
export const warning = (message: string, advice: string): Verdict => ({ status: 'warning', message, advice });
/** Something that Skerry does will not work. */
export const problem = (message: string, advice: string): Verdict => ({ status: 'error', message, advice });
/** It could not be seen: no root, no such program, no answer. */
export const unknown = (message: string, advice?: string): Verdict => ({
  status: 'unknown',
  message,
  ...(advice === undefined ? {} : { advice }),
});
