import { Command } from 'commander';
import type { Uninstalled } from '#install/uninstall.ts';
import { ask } from './ask.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder, parsedOption, unixSocket } from './flags.ts';

type Flags = {
  readonly dataDir: string;
  readonly docker: string;
  readonly purge?: true;
  readonly yes?: true;
  readonly force?: true;
};

export function uninstallCommand(context: Context): Command {
  return new Command('uninstall')
    .description('Take skerry off this machine; its data stays, unless told otherwise.')
    .option('--purge', 'also remove the data and the settings: the cluster, on a server; the identity, on a node')
    .option('--yes', 'remove the data without asking')
    .option('--force', 'also where something of the node can not be removed')
    .option('--data-dir <dir>', 'where all state is kept', folder, DATA_DIR)
    .addOption(parsedOption('--docker <socket>', 'the Docker-compatible engine', unixSocket, 'unix:///var/run/docker.sock'))
    .addHelpText(
      'after',
      `
Examples:
  skerry uninstall                                    # skerry install brings all of it back
  skerry reset && skerry uninstall --purge            # a node leaves for good: its server is told

Services are stopped, the containers of this node removed with their links, rules and mounts, the units and all versions of the
program deleted, and live-restore is taken out of the engine's daemon.json if it was put there by us and nobody changed it.
Containers that skerry did not make, images that were pulled, hostPath folders and the distribution's packages stay. The server is
not told: the Node stays there, NotReady, until \`kubectl delete node NAME\`, unless \`skerry reset\` came before.`,
    )
    .action(async ({ dataDir, docker, ...given }: Flags) => {
      const question = `This deletes all data in ${dataDir}: on a server the whole cluster, and recovery.key with it.`;
      if (given.purge === true && given.yes !== true) await ask(context, 'uninstall --purge', question);
      const [purge, force] = [given.purge === true, given.force === true];
      const { programRunner } = await import('#install/run-program.ts');
      const { uninstall } = await import('#install/uninstall.ts');
      const done = await uninstall(
        { dataDir, docker, purge, force },
        {
          clearNode: () => context.clearNode({ dataDir, docker, anyNode: true }),
          holdServer: () => context.holdServer(dataDir),
          run: programRunner(context.environment),
          clock: context.clock,
          tell: (text) => context.stderr(`${text}\n`),
        },
        new AbortController().signal,
      );
      context.stdout(uninstalledText(done, dataDir, purge));
    });
}

const remains = (node: string): string =>
  `Node ${node} remains in its cluster: \`kubectl delete node ${node}\` on the server removes it (so does \`skerry reset\` before an uninstall, while the server is reachable)`;

export function uninstalledText({ changed, cleared, left }: Uninstalled, dataDir: string, purge: boolean): string {
  const lines = [
    ...cleared.removed.map((what) => `removed ${what}`),
    ...cleared.left.map(({ what, why }) => `left ${what}: ${why}`),
    changed ? 'skerry is uninstalled' : 'nothing to do: skerry is not installed here',
    ...(changed && !purge ? [`its data is kept in ${dataDir}, its settings in /etc/skerry (--purge removes them)`] : []),
    ...(changed && left !== undefined ? [remains(left)] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}
