import { existsSync } from 'node:fs';
import { Command } from 'commander';
import { layoutIn } from '#install/layout.ts';
import type { SwitchedOff } from '#install/switch-off.ts';
import { SkerryError, explain, hasCode } from '#lib/error.ts';
import { ask } from './ask.ts';
import { DATA_DIR, type Context, type ResetDone, type ResetFlags } from './context.ts';
import { folder, httpsUrl, parsedOption, unixSocket } from './flags.ts';
import { proxyOption } from './node-options.ts';

type Flags = Omit<ResetFlags, 'force'> & { readonly yes?: true; readonly force?: boolean };

export function resetCommand(context: Context): Command {
  return new Command('reset')
    .description('Take this machine out of its cluster and make it a plain one again, which can join anew.')
    .option('--data-dir <dir>', "the agent's data directory", folder, DATA_DIR)
    .addOption(parsedOption('--docker <socket>', 'the Docker-compatible engine', unixSocket, 'unix:///var/run/docker.sock'))
    .option('--server <url>', 'where the server is by now, if it has moved', httpsUrl)
    .addOption(proxyOption())
    .option('-y, --yes', 'do not ask')
    .option('--force', 'also where the server can not be told, or something can not be removed')
    .addHelpText(
      'after',
      `
Examples:
  skerry reset                    # after \`systemctl stop skerry-agent\`
  skerry reset --yes --force      # the server is gone, or out of reach

Stop the agent first. The server is told, and deletes the Node and its key: its pods are replaced elsewhere. Then the containers
of this node are stopped (with their grace, up to 30 s) and removed with their links, rules, mounts and emptyDir volumes, and the
node's key and ledger are deleted, and its unit is switched off until \`skerry install agent\`. Containers that skerry did not make,
images that were pulled, and hostPath folders stay.

Where the server does not answer nothing is done, unless with --force: then the Node stays there, NotReady, until
  kubectl delete node NAME

On a server's machine this resets its own node only, not the server: start \`skerry server --no-agent\` for the time, so that it can be told.`,
    )
    .action(async ({ yes, force = false, proxy, ...flags }: Flags) => {
      const own = await serverHere(flags.dataDir);
      // A server's own node finds it on this machine.
      const way = own === undefined && proxy !== undefined ? { proxy } : {};
      if (own?.hasNode === false) throw new SkerryError('OtherMode', `reset: ${own.who} and has no node of its own. ${own.anew}`);
      const question = `This removes the node in ${flags.dataDir} from its cluster, and all containers and emptyDir volumes that it runs.`;
      if (yes !== true) await ask(context, 'reset', question);
      const done = await context.resetNode({ ...flags, ...way, force }).catch((error: unknown) => {
        throw own === undefined ? error : besideServer(own, error);
      });
      const unit = done.forgotten ? await switchOffAgent(context, flags.dataDir) : undefined;
      context.stdout(told(done, unit, flags.dataDir, own));
      if (!done.forgotten)
        throw new SkerryError(
          'Incomplete',
          `reset the node in ${flags.dataDir}: not all of it could be removed, so its key and ledger are kept; mend that and run this again, or use --force`,
        );
    });
}

/** The server that this machine keeps, whose own node can only be reset while it runs without it: what there is to say of it. */
type ServerHere = { readonly hasNode: boolean; readonly who: string; readonly alone: string; readonly anew: string };

async function serverHere(dataDir: string): Promise<ServerHere | undefined> {
  const { bornAs } = await import('#install/born-as.ts');
  const { isJoined } = await import('#install/observe.ts');
  const { unitFile } = await import('#install/units.ts');
  if (bornAs('/', dataDir).type !== 'server') return undefined;
  const flag = dataDir === DATA_DIR ? '' : ` --data-dir ${dataDir}`;
  return {
    hasNode: isJoined('/', dataDir),
    who: `this machine is the server of a cluster (its data is in ${dataDir}/server)`,
    alone: existsSync(unitFile(layoutIn('/'), 'server')) ? 'skerry install server --no-agent' : `skerry server --no-agent${flag}`,
    anew: `To begin the server anew: \`skerry uninstall --purge${flag}\`, which ends its cluster for good, then install it as at first`,
  };
}

/** What else is said leads from one to the other: the server that is to be told runs the agent that is to be stopped. */
function besideServer({ who, alone, anew }: ServerHere, error: unknown): unknown {
  if (!hasCode(error, 'InUse', 'ServiceUnavailable')) return error;
  const silent = hasCode(error, 'ServiceUnavailable') ? `, and it does not answer (${explain(error.cause)})` : '';
  return new SkerryError(
    error.code,
    `reset: ${who}${silent}; its own node can be reset while it runs without its agent: \`${alone}\`, then this again. ${anew}`,
  );
}

/** The unit of the node that was reset: with neither key nor token it would fail at each boot. */
async function switchOffAgent({ executable, environment }: Context, dataDir: string): Promise<SwitchedOff | undefined> {
  const { installedSlot } = await import('#install/slots.ts');
  const { readConfigFile } = await import('#install/config/config-file.ts');
  const layout = executable === undefined ? undefined : installedSlot(executable.path)?.layout;
  if (layout === undefined) return undefined;
  const config = await readConfigFile({ path: layout.config, mustExist: false }, ['data-dir']);
  if (dataDir !== (config?.settings.find(({ key }) => key === 'data-dir')?.value ?? DATA_DIR)) return undefined;
  const { programRunner } = await import('#install/run-program.ts');
  const { switchOff } = await import('#install/switch-off.ts');
  return switchOff(layout, 'agent', programRunner(environment), new AbortController().signal);
}

function told(
  { node, server, cleared, forgotten }: ResetDone,
  unit: SwitchedOff | undefined,
  dataDir: string,
  own: ServerHere | undefined,
): string {
  const next =
    own === undefined ? `this machine can join anew, with a new token${unit === undefined ? '' : JOIN_ANEW}` : NODE_ANEW;
  const lines = [
    ...cleared.removed.map((what) => `removed ${what}`),
    ...cleared.left.map(({ what, why }) => `left ${what}: ${why}`),
    ...(node === undefined ? [`no node had joined in ${dataDir}`] : [SERVER_TOLD[server](node)]),
    ...(unit === undefined ? [] : [switchedOff(unit)]),
    ...(forgotten ? [next] : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

const switchedOff = ({ unit, trouble }: SwitchedOff): string =>
  trouble === undefined
    ? `${unit} is stopped, and does not start at the next boot`
    : `${unit} could not be switched off, and would fail at each boot; \`systemctl disable --now ${unit}\` says: ${trouble}`;

const JOIN_ANEW = ': skerry install agent --server URL --token-file FILE';

const NODE_ANEW =
  'the server goes on without a node of its own, and has a new one as soon as it is started without --no-agent (no-agent: false in its settings)';

const SERVER_TOLD: Readonly<Record<ResetDone['server'], (node: string) => string>> = {
  told: (node) => `node ${node} has left its cluster`,
  'did not know it': (node) => `the server does not know node ${node} by this key (any more)`,
  'not told': (node) => `the server was not told: on it, run \`kubectl delete node ${node}\``,
};
