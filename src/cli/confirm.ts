import { Command } from 'commander';
import { CONFIRM_PATH, parseConfirmAnswer, type ConfirmAnswer } from '#api/confirm.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder } from './flags.ts';

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
This command ends that. On every node the containers of pods that the database does not have for it are stopped, with their
grace period, and removed, their emptyDir volumes with them; containers of pods that it has run on. Containers that skerry
did not make, images and hostPath folders are not touched. It does not ask, and there is no way back: look first at
  kubectl get pods -A -o wide
as what is missing there is removed. Wait for the nodes, too (kubectl get nodes): one that a lost database no longer knows
comes back by itself until then, and needs a new token after. A node that is away hears of it when it comes.
Where nothing is to be confirmed the command says so and exits with 0.`,
    )
    .action(async ({ dataDir }: { readonly dataDir: string }) => {
      const { connectToOwnServer } = await import('./client/own-server.ts');
      const { client } = await connectToOwnServer(dataDir, context);
      context.stdout(`${told(parseConfirmAnswer(await client.send('POST', CONFIRM_PATH)))}\n`);
    });
}

function told({ incarnation, already, nodes, connected, pods }: ConfirmAnswer): string {
  if (already) return `nothing to confirm: database ${incarnation} is confirmed already`;
  const who = `${counted(nodes, 'node')} (connected: ${connected}, to be told later: ${nodes - connected})`;
  return `database ${incarnation} confirmed for ${who}: ${counted(pods, 'pod')} to keep, all others are removed there`;
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
