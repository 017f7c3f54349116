/**
 * `$(NAME)` in commands, arguments and values, by upstream's rules (third_party/forked/golang/expansion): an unknown name stays as it
 * is written, `$$` is one dollar sign and shields what follows it.
 */
export function expand(input: string, value: (name: string) => string | undefined): string {
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
    } else {
      output += '$';
      at = dollar + (next === '$' ? 2 : 1);
    }
  }
  return output + input.slice(at);
}
