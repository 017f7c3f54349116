/**
 * `$(NAME)` in commands, arguments and values, by upstream's rules (third_party/forked/golang/expansion): an unknown name stays as it
 * is written, `$$` is one dollar sign and shields what follows it.
 */
export function expand(input: string, value: (name: string) => string | undefined): string {
  return input.replaceAll(/\$(\$|\(([^)]*)\))/g, (whole, escape: string, name: string | undefined) => {
    if (escape === '$') return '$';
    return name === undefined ? whole : (value(name) ?? whole);
  });
}
