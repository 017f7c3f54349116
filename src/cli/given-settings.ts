import { environmentProblems, variableOf } from '#install/config/check-config.ts';
import { parseSwitch, type ConfigKey } from '#install/config/config-key.ts';
import type { GivenFlags } from '#install/config/merge-config.ts';
import { SkerryError } from '#lib/error.ts';

/** What an installation is to keep: the flags that were typed, and the variables of the mode where none was. The file is merged elsewhere. Pure. */

/** Each says what the other would: where one was typed, no variable is asked for the other. */
export const TOKENS: readonly string[] = ['token', 'token-file'];

/** Throws BadConfig with all that is wrong with the variables, those of the other mode too. `own`: of the mode; `all`: of both. */
export function givenSettings(
  typed: ReadonlyMap<string, string | true>,
  environment: Readonly<Record<string, string | undefined>>,
  { own, all }: { readonly own: readonly ConfigKey[]; readonly all: readonly ConfigKey[] },
): GivenFlags {
  const problems = environmentProblems(environment, all);
  if (problems.length > 0) throw new SkerryError('BadConfig', problems.map(({ message }) => message).join('\n'));
  const closed = [...typed.keys(), ...(TOKENS.some((name) => typed.has(name)) ? TOKENS : [])];
  const variables = own.flatMap(({ name, form }): readonly (readonly [string, string | boolean])[] => {
    const text = environment[variableOf(name)];
    if (text === undefined || text === '' || closed.includes(name)) return [];
    return [[name, form === 'switch' ? parseSwitch(text) : text]];
  });
  return Object.fromEntries([...variables, ...typed]);
}
