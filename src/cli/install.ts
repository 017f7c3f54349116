import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { GivenFlags } from '#install/config/merge-config.ts';
import type { InstallRequest, Installed } from '#install/install.ts';
import { serviceLog, type Mode } from '#install/layout.ts';
import { holdProcess } from '#lib/clock.ts';
import { SkerryError } from '#lib/error.ts';
import { agentCommand } from './agent.ts';
import { configKeys, keysOf } from './config-keys.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder } from './flags.ts';
import { TOKENS, givenSettings } from './given-settings.ts';
import { serverCommand } from './server.ts';

/** `skerry install server|agent`: the flags of the mode, and its variables, which become its settings, and a few of its own. What it does is src/install/install.ts. */
type Flags = {
  readonly offline?: string;
  readonly installEngine?: true;
  readonly start: boolean;
  readonly image?: string;
};

const MODES: Readonly<Record<Mode, (context: Context) => Command>> = { server: serverCommand, agent: agentCommand };

export function installCommand(context: Context): Command {
  return new Command('install')
    .description('Install this program as a service of this machine, or into the system on a card.')
    .addHelpText(
      'after',
      `
Examples:
  skerry install server
  skerry install agent --server https://10.0.0.1:6443 --token-file ./token --labels site=harbour`,
    )
    .addCommand(modeCommand('server', context))
    .addCommand(modeCommand('agent', context));
}

function modeCommand(mode: Mode, context: Context): Command {
  const command = new Command(mode).description(`Install the ${mode}: its flags are kept in /etc/skerry/config.yaml.`);
  const flags = new Map<string, string | true>();
  for (const option of MODES[mode](context).options) {
    if (option.attributeName() === 'config') continue;
    command.addOption(option);
    // As it was typed: that is what stands in a file of settings.
    command.on(`option:${option.name()}`, (typed: string | null) => flags.set(option.name(), typed ?? true));
  }
  return command
    .option('--offline <dir>', 'take all from this folder: packages that the system lacks, too', folder)
    .option('--install-engine', "also install the distribution's Docker engine, if there is none")
    .option('--no-start', 'do not start it now; it starts with the next boot')
    .addOption(new Option('--image <root>', 'prepare the system in this folder, such as a mounted card').argParser(folder))
    .addHelpText('after', HELP[mode])
    .action(async (given: Flags) => {
      const { programRunner } = await import('#install/run-program.ts');
      const { install } = await import('#install/install.ts');
      const request = await requestOf(mode, flags, given, context);
      const tell = (text: string) => context.stderr(`${text}\n`);
      const { clock, environment } = context;
      const release = holdProcess();
      try {
        const done = await install(request, { run: programRunner(environment), tell, clock }, new AbortController().signal);
        context.stdout(told(request, done));
      } finally {
        release();
      }
    });
}

const HELP: Readonly<Record<Mode, string>> = {
  server: `
Examples:
  skerry install server
  skerry install server --no-agent --tls-san skerry.example.org
  skerry install server --install-engine --offline /media/stick

What is there already is left as it is: run it again with other flags to change them, or change /etc/skerry/config.yaml.`,
  agent: `
Examples:
  skerry install agent --server https://10.0.0.1:6443 --token-file ./token
  skerry install agent --server https://10.0.0.1:6443 --token-file ./token --labels site=harbour --install-engine
  skerry install agent --image /mnt/card --server https://10.0.0.1:6443 --token-file ./token

The token is copied to where the agent finds it, and deleted after the join. A system prepared with --image makes its own key at its
first boot: make as many cards of it as the token has uses (skerry token create --uses 50).
What is there already is left as it is: run it again with other flags to change them, or change /etc/skerry/config.yaml.`,
};

async function requestOf(
  mode: Mode,
  typed: ReadonlyMap<string, string | true>,
  { offline, installEngine, start, image }: Flags,
  context: Context,
): Promise<InstallRequest> {
  const { executable, environment } = context;
  if (executable === undefined)
    throw new SkerryError(
      'Usage',
      'install skerry: only the executable can be installed; make it with `npm run build`, and run dist/skerry-linux-x64 install …',
    );
  const keys = configKeys(context);
  const settings = givenSettings(typed, environment, { own: keysOf(MODES[mode](context).options), all: keys });
  const flags = Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (TOKENS.includes(name) ? [] : [[name, absolute(name, value)]])),
  );
  return {
    mode,
    version: context.release,
    executable: executable.path,
    flags,
    keys,
    dataDir: DATA_DIR,
    engineSocket: ENGINE_SOCKET,
    token: await tokenOf(settings, context),
    offline: offline === undefined ? undefined : resolve(offline),
    installEngine: installEngine === true,
    start,
    image,
  };
}

/** Where dockerd listens whose pid file and daemon.json are in their usual places. */
const ENGINE_SOCKET = '/var/run/docker.sock';
/** A service is started in another folder than this. */
const PATHS = ['data-dir', 'log-file'];

function absolute(name: string, value: string | boolean): string | boolean {
  return PATHS.includes(name) && typeof value === 'string' ? resolve(value) : value;
}

const OTHERS = 0o077;

/** It is read here, and kept elsewhere. */
async function tokenOf({ token, 'token-file': file }: GivenFlags, { stderr }: Context): Promise<string | undefined> {
  if (typeof file !== 'string') return typeof token === 'string' ? token.trim() : undefined;
  const { readFile, stat } = await import('node:fs/promises');
  try {
    const { mode } = await stat(file);
    if ((mode & OTHERS) !== 0)
      stderr(`warning: others on this machine may read the token in ${file}: chmod 600 it, or delete it after this\n`);
    return (await readFile(file, 'utf8')).trim();
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT')
      throw new SkerryError(
        'NoToken',
        `read the token file ${file}: it is not there; write a token to it (made with \`skerry token create\` on the server), mode 0600`,
      );
    throw new SkerryError('BadToken', `read the token file ${file}`, { cause });
  }
}

/** What was done, and what comes next. */
function told(
  { mode, start, image }: InstallRequest,
  { changed, notes, supervisor, layout, dataDir, joined }: Installed,
): string {
  const lines = [
    changed ? `installed: ${layout.command}` : 'nothing to do: all of it is installed',
    ...(joined === undefined
      ? []
      : [`${joined.before ? 'already joined: ' : ''}this machine is node ${joined.node} of the cluster at ${joined.server}`]),
    ...notes.map((note) => `note: ${note}`),
    ...nextSteps({ mode, start, image }, { supervisor, layout, dataDir }),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function nextSteps(
  { mode, start, image }: Pick<InstallRequest, 'mode' | 'start' | 'image'>,
  { supervisor, layout, dataDir }: Pick<Installed, 'supervisor' | 'layout' | 'dataDir'>,
): readonly string[] {
  const unit = `skerry-${mode}`;
  if (image !== undefined) return [`${unit} starts when a machine boots from ${image}, and makes its own key then`];
  const first =
    supervisor === 'none'
      ? [`there is no systemd here: start it with  ${layout.launch} ${mode} --log-file ${serviceLog(layout, mode)}`]
      : start
        ? []
        : [`start it with  systemctl start ${unit}`];
  if (mode === 'agent') return [...first, ...(supervisor === 'systemd' ? [`its log: journalctl -u ${unit}`] : [])];
  return [
    ...first,
    `kubectl --kubeconfig ${dataDir}/admin.kubeconfig get nodes`,
    'a token for one more node: skerry token create',
    `move ${dataDir}/recovery.key to a safe place off this machine`,
  ];
}
