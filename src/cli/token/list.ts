import { Command, Option } from 'commander';
import { joinTokenId, joinTokenState } from '#api/join-token.ts';
import { humanDuration } from '#api/kinds/age.ts';
import type { Secret } from '#api/kinds/secret.ts';
import { SkerryError } from '#lib/error.ts';
import { rfc3339 } from '#lib/time.ts';
import { DATA_DIR, type Context } from '../context.ts';
import { folder } from '../flags.ts';
import { createAlignment } from '../output/align-columns.ts';
import { SECRETS_PATH, TOKENS_QUERY } from './secrets.ts';

export function listTokensCommand(context: Context): Command {
  return new Command('list')
    .description('Show the join tokens: their ids and what is left of them, never the tokens themselves, which nobody keeps.')
    .option('-a, --all', 'also those that let nobody in any more: used up or expired')
    .option('--data-dir <dir>', "the server's data directory", folder, DATA_DIR)
    .addOption(new Option('-o, --output <format>', 'how it is written').choices(['json', 'yaml']))
    .addHelpText('after', '\nExamples:\n  skerry token list\n  skerry token list --all -o json')
    .action(async ({ dataDir, output, all = false }: Flags) => {
      const { connectToOwnServer } = await import('../client/own-server.ts');
      const { client } = await connectToOwnServer(dataDir, context);
      const now = context.clock.now();
      const stored = secretsOf(await client.send('GET', `${SECRETS_PATH}${TOKENS_QUERY}`)).map((secret) => factsOf(secret, now));
      const tokens = stored.filter(({ usesLeft, expired }) => all || (usesLeft > 0 && !expired));
      if (output === 'json') context.stdout(`${JSON.stringify(tokens, null, 2)}\n`);
      else if (output === 'yaml') context.stdout((await import('#api/encoding/yaml.ts')).stringifyYaml(tokens));
      else context.stdout(tableOf(tokens, stored.length - tokens.length, now));
    });
}

type Flags = { readonly dataDir: string; readonly output?: 'json' | 'yaml'; readonly all?: boolean };

type Token = {
  readonly id: string;
  readonly usesLeft: number;
  /** RFC 3339; absent: never. */
  readonly expires?: string;
  readonly expired: boolean;
  readonly replaces?: string;
  readonly description?: string;
};

function secretsOf(answer: unknown): readonly Secret[] {
  const items = typeof answer === 'object' && answer !== null && 'items' in answer ? answer.items : undefined;
  if (!Array.isArray(items)) throw new SkerryError('BadAnswer', `read the answer of ${SECRETS_PATH}: it is no list`);
  // Sound: the path is that of Secrets, and the server has decoded each as one.
  return items as readonly Secret[];
}

function factsOf(secret: Secret, now: number): Token {
  const { expiresMs, usesLeft, replaces, description } = joinTokenState(secret);
  const name = secret.metadata.name ?? '';
  return {
    id: joinTokenId(name) ?? name,
    usesLeft,
    ...(expiresMs === undefined ? {} : { expires: rfc3339(expiresMs) }),
    expired: expiresMs !== undefined && expiresMs <= now,
    ...(replaces === undefined ? {} : { replaces }),
    ...(description === undefined ? {} : { description }),
  };
}

const HEADERS = ['ID', 'USES LEFT', 'EXPIRES IN', 'REPLACES', 'DESCRIPTION'];

function tableOf(tokens: readonly Token[], hidden: number, now: number): string {
  if (tokens.length === 0)
    return hidden === 0 ? 'no join tokens\n' : `no join tokens that let anybody in (used up or expired: ${hidden}, see --all)\n`;
  const rows = tokens.map(({ id, usesLeft, expires, expired, replaces = '', description = '' }) => [
    id,
    String(usesLeft),
    expires === undefined ? '<never>' : expired ? '<expired>' : humanDuration(Date.parse(expires) - now),
    replaces,
    description,
  ]);
  // What a terminal would act on is taken out.
  const lines = [HEADERS, ...rows].map((cells) => cells.map((cell) => cell.replaceAll(/\p{Cc}/gu, ' ')).join('\t'));
  return createAlignment().align(lines);
}
