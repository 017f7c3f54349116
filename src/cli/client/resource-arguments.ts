import { SkerryError } from '#lib/error.ts';

/** What words of a command line ask for, as kubectl's builder reads them; what the words mean only the server knows. */
export type Asked =
  /** `pods`, `pods,services` */
  | { readonly by: 'type'; readonly types: readonly string[] }
  /** `pods a b`, `pod/a svc/b` */
  | { readonly by: 'name'; readonly names: readonly { readonly type: string; readonly name: string }[] };

/** Throws Usage. Undefined: nothing was asked for. */
export function parseArguments(words: readonly string[]): Asked | undefined {
  const args = words.filter((word) => word !== '');
  const [first, ...rest] = args;
  if (first === undefined) return undefined;
  if (args.some((word) => word.includes('/'))) return { by: 'name', names: args.flatMap(named) };
  const types = [...new Set(first.split(',').filter((type) => type !== ''))];
  if (types.length === 0) throw new SkerryError('Usage', `${JSON.stringify(first)} names no resource type`);
  if (rest.length === 0) return { by: 'type', types };
  return { by: 'name', names: types.flatMap((type) => rest.map((name) => ({ type, name }))) };
}

function named(word: string): readonly { readonly type: string; readonly name: string }[] {
  if (!word.includes('/'))
    throw new SkerryError(
      'Usage',
      "there is no need to specify a resource type as a separate argument when passing arguments in resource/name form (e.g. 'skerry get pod/web' instead of 'skerry get pod pod/web')",
    );
  const [type = '', name = '', ...more] = word.split('/');
  if (more.length > 0) throw new SkerryError('Usage', 'arguments in resource/name form may not have more than one slash');
  if (type === '' || name === '' || type.includes(','))
    throw new SkerryError('Usage', 'arguments in resource/name form must have a single resource and name');
  return [{ type, name }];
}
