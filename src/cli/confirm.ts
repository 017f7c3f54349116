import { join } from 'node:path';
import { Command } from 'commander';
import { createApiClient } from './api-client.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder } from './flags.ts';
import { readKubeconfig } from './kubeconfig.ts';

export function confirmCommand(context: Context): Command {
  return new Command('confirm')
    .description('Tell the fleet that a new or restored database is right, so that nodes remove what it no longer names.')
    .option('--data-dir <dir>', "the server's data directory", folder, DATA_DIR)
    .addHelpText(
      'after',
      `
Example:
  skerry confirm

After a database was lost or restored from a backup, nodes go on running everything they run and only add and change.
Look at \`kubectl get pods -A\` first: what is missing there is removed from the nodes by this command.
Wait for the nodes, too: one that a lost database no longer knows comes back by itself until then, and needs a new token after.`,
    )
    .action(async ({ dataDir }: { readonly dataDir: string }) => {
      const client = createApiClient(readKubeconfig(join(dataDir, 'admin.kubeconfig')));
      const answer = await client.send('POST', '/skerry.dev/v1/confirm');
      context.stdout(`database ${incarnationOf(answer)} confirmed: nodes now remove what it does not name\n`);
    });
}

function incarnationOf(answer: unknown): string {
  return typeof answer === 'object' && answer !== null && 'incarnation' in answer ? String(answer.incarnation) : '';
}
