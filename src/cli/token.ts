import { Command } from 'commander';
import type { Context } from './context.ts';
import { createTokenCommand } from './token/create.ts';
import { listTokensCommand } from './token/list.ts';
import { revokeTokensCommand } from './token/revoke.ts';

export function tokenCommand(context: Context): Command {
  return new Command('token')
    .description('Join tokens, by which new nodes are let in.')
    .addHelpText('after', '\nExamples:\n  skerry token create\n  skerry token list\n  skerry token revoke 7kq2hx4d')
    .addCommand(createTokenCommand(context))
    .addCommand(listTokensCommand(context))
    .addCommand(revokeTokensCommand(context));
}
