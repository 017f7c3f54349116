import type { SkerryError } from '#lib/error.ts';
import { configError } from './config-error.ts';

/** The kernel's MAX_ARG_STRLEN, less the zero at the end: longer ones can be given to no program. */
const TEXT_LENGTH_MAX = 131_071;

/**
 * `$(NAME)` in commands, arguments and values, by upstream's rules (third_party/forked/golang/expansion): an unknown name stays as it
 * is written, `$$` is one dollar sign and shields what follows it.
 */
export function expand(input: string, value: (name: string) => string | undefined): string {
  if (input.length > TEXT_LENGTH_MAX) throw tooLong();
  let output = '';
  let at = 0;
  const lastClose = input.lastIndexOf(')');
  for (let dollar = input.indexOf('$'); dollar >= 0; dollar = input.indexOf('$', at)) {
    output += input.slice(at, dollar);
    const next = input[dollar + 1];
    if (next === '(' && dollar < lastClose) {
      const close = input.indexOf(')', dollar);
      output += value(input.slice(dollar + 2, close)) ?? input.slice(dollar, close + 1);
      at = close + 1;
      // References to references double: what comes out is looked at, not what goes in.
      if (output.length > TEXT_LENGTH_MAX) throw tooLong();
    } else {
      output += '$';
      at = dollar + (next === '$' ? 2 : 1);
    }
  }
  return output + input.slice(at);
}

function tooLong(): SkerryError {
  const what = 'a text of its command, arguments or environment';
  return configError(
    `${what} is longer than ${TEXT_LENGTH_MAX} bytes once its references are expanded: more than a program can be given`,
  );
}
