import { Command, InvalidArgumentError } from 'commander';
import { joinTokenName, readTokenId } from '#api/join-token.ts';
import { SkerryError, hasCode } from '#lib/error.ts';
import { DATA_DIR, type Context } from '../context.ts';
import { folder } from '../flags.ts';
import { SECRETS_PATH } from './secrets.ts';

export function revokeTokensCommand(context: Context): Command {
  return new Command('revoke')
    .description('Delete join tokens: nobody joins with them any more. Nodes that have joined with them stay.')
    .argument('<ids...>', 'ids, as `skerry token list` shows them, or whole tokens', tokenIds)
    .option('--data-dir <dir>', "the server's data directory", folder, DATA_DIR)
    .addHelpText('after', '\nExamples:\n  skerry token revoke 7kq2hx4d\n  skerry token revoke 7kq2hx4d b5xw9mzt')
    .action(async (ids: readonly string[], { dataDir }: { readonly dataDir: string }) => {
      const { connectToOwnServer } = await import('../client/own-server.ts');
      const { client } = await connectToOwnServer(dataDir, context);
      const unknown: string[] = [];
      for (const id of ids) {
        try {
          await client.send('DELETE', `${SECRETS_PATH}/${joinTokenName(id)}`);
          context.stdout(`token ${id} revoked\n`);
        } catch (error) {
          // The others are revoked all the same.
          if (!hasCode(error, 'NotFound')) throw error;
          unknown.push(id);
        }
      }
      if (unknown.length > 0)
        throw new SkerryError('NotFound', `revoke token ${unknown.join(', ')}: not known here (see \`skerry token list\`)`);
    });
}

/** Commander gives each argument with what the ones before have become. */
function tokenIds(text: string, before: readonly string[] | undefined): readonly string[] {
  const id = readTokenId(text);
  if (id === undefined) throw new InvalidArgumentError('Use an id from `skerry token list`, like 7kq2hx4d.');
  return [...new Set([...(before ?? []), id])];
}
