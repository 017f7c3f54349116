import { join } from 'node:path';
import { fieldsOf, listField, parsedJson, textField } from '#lib/json-field.ts';
import { SkerryError } from '#lib/error.ts';
import { runDoctor } from '../doctor.ts';
import type { EngineReply } from '#install/engine-get.ts';
import { textOf, type Outside } from '../outside/outside.ts';
import type { Asked } from '../scene.ts';
import { allow, type Shape } from './allow.ts';
import { journalLines, logLines } from './log-lines.ts';
import { ownSecrets, secretVariables } from './own-secrets.ts';
import { redactedConfig } from './redacted-config.ts';
import { ADDRESSES, CONTAINER, ENGINE_INFO, ENGINE_VERSION, ROUTES, UNIT_PROPERTIES } from './shapes.ts';

/**
 * What goes into a support file: each part a file, how it is gathered, and what of it is known to be secret and must be kept out of all the
 * others. A part that can not be gathered throws; the file is made without it.
 */
export type Part = {
  readonly file: string;
  /** For people, in the list of what is in the file. */
  readonly about: string;
  readonly gather: (scene: SupportScene, signal: AbortSignal) => Promise<Gathered>;
};

export type Gathered = { readonly content: unknown; readonly secrets?: readonly string[] };

export type SupportScene = {
  readonly outside: Outside;
  readonly asked: Asked;
  readonly version: Readonly<Record<string, unknown>>;
  readonly describeStore: Describe;
  readonly describeLedger: Describe;
  /** Makes a private folder for copies of databases, which is removed afterwards. Throws where that can not be. */
  readonly scratch: () => string;
};

export type Describe = (
  file: string,
  scratch: string,
) => Promise<{ readonly summary: unknown; readonly secrets: readonly string[] }>;

const JOURNAL_LINES = 3_000;
/** Without them each line is a kilobyte. */
const JOURNAL_FIELDS = '--output-fields=MESSAGE,SYSLOG_IDENTIFIER,_SYSTEMD_UNIT,_LINE_BREAK';
const LOG_BYTES = 1024 ** 2;
const CONTAINERS_MAX = 300;
const UNITS = ['skerry-server.service', 'skerry-agent.service'] as const;
const OUR_CONTAINERS = JSON.stringify({ label: ['io.skerry.node'] });

export const PARTS: readonly Part[] = [
  { file: 'doctor.json', about: 'what skerry doctor says', gather: gatherDoctor },
  { file: 'version.json', about: 'the release, and what it runs on', gather: async ({ version }) => ({ content: version }) },
  { file: 'config.json', about: 'the configuration: values of known keys, names of others', gather: gatherConfig },
  { file: 'units.txt', about: 'the state of the services', gather: gatherUnits },
  { file: 'journal.txt', about: `the last ${JOURNAL_LINES} lines of the services`, gather: gatherJournal },
  { file: 'log.txt', about: 'the end of the log file, if one is used', gather: gatherLogFile },
  { file: 'engine.json', about: 'what the container engine says of itself', gather: gatherEngine },
  {
    file: 'containers.json',
    about: 'our containers: state and limits; names of variables, no values, no commands',
    gather: gatherContainers,
  },
  {
    file: 'server.json',
    about: 'the database in numbers; names and states of nodes and pods',
    gather: (scene) => describe(scene, scene.describeStore, 'server/state.db'),
  },
  {
    file: 'ledger.json',
    about: "the node's ledger in numbers; names and states of pods",
    gather: (scene) => describe(scene, scene.describeLedger, 'agent/ledger.db'),
  },
  {
    file: 'addresses.json',
    about: 'network interfaces and addresses',
    gather: (scene, signal) => jsonOf(scene, ['ip', '-json', 'address', 'show'], ADDRESSES, signal),
  },
  {
    file: 'routes.json',
    about: 'routes',
    gather: (scene, signal) => jsonOf(scene, ['ip', '-json', 'route', 'show', 'table', 'all'], ROUTES, signal),
  },
  {
    file: 'nft.txt',
    about: 'our own table of nft',
    gather: (scene, signal) => program(scene, ['nft', 'list', 'table', 'ip', 'skerry'], signal),
  },
  { file: 'disks.txt', about: 'room on local disks', gather: (scene, signal) => program(scene, ['df', '-lPTk'], signal) },
  { file: 'inodes.txt', about: 'inodes on local disks', gather: (scene, signal) => program(scene, ['df', '-lPTi'], signal) },
  { file: 'mounts.txt', about: 'what is mounted where, without options', gather: gatherMounts },
  { file: 'memory.txt', about: '/proc/meminfo', gather: ({ outside }) => file(outside, '/proc/meminfo') },
  {
    file: 'kernel.txt',
    about: 'the last lines of the kernel, without its command line',
    gather: gatherKernel,
  },
  { file: 'left-out', about: 'nothing: what is read here is only to be left out', gather: gatherLeftOut },
];

async function gatherDoctor({ outside, asked }: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const problems = asked.settings.problems.map((each) => ({ ...each, message: each.withoutValue ?? each.message }));
  return { content: await runDoctor(outside, { ...asked, settings: { ...asked.settings, problems } }, () => undefined, signal) };
}

async function gatherConfig({ outside, asked }: SupportScene): Promise<Gathered> {
  const { path } = asked.settings;
  const read = await outside.read(path);
  if (read.type === 'absent') return { content: {} };
  if (read.type === 'denied') throw denied(path);
  return redactedConfig(read.text);
}

/** The environment of the services is read to be left out elsewhere: proxies and their passwords stand there. */
async function gatherUnits(scene: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const { content } = await program(scene, ['systemctl', 'show', ...UNITS, `--property=${UNIT_PROPERTIES.join(',')}`], signal);
  const pids = [...String(content).matchAll(/^MainPID=([1-9]\d*)$/gm)].map(([, pid]) => pid);
  const environments = await Promise.all(pids.map((pid) => textOf(scene.outside.read(`/proc/${pid}/environ`))));
  return { content, secrets: environments.flatMap((text) => secretVariables(text.split('\0'))) };
}

async function gatherLeftOut({ outside, asked }: SupportScene): Promise<Gathered> {
  return { content: null, secrets: await ownSecrets(outside, asked.dataDir) };
}

async function gatherJournal(scene: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const units = UNITS.flatMap((unit) => ['--unit', unit]);
  const { content } = await program(
    scene,
    ['journalctl', ...units, `--lines=${JOURNAL_LINES}`, '--output=json', JOURNAL_FIELDS, '--all', '--no-pager'],
    signal,
  );
  return { content: journalLines(String(content)) };
}

async function gatherLogFile({ outside, asked }: SupportScene): Promise<Gathered> {
  const config = await textOf(outside.read(asked.settings.path));
  const path = textField(redactedConfig(config).content, 'log-file');
  if (path === '') return { content: '' };
  const [before, now] = await Promise.all([`${path}.1`, path].map((name) => outside.readEnd(name, LOG_BYTES)));
  if (now?.type === 'denied') throw denied(path);
  const texts = [before, now].map((read) => (read?.type === 'text' ? read.text : ''));
  return { content: logLines(texts.join('')) };
}

async function gatherEngine({ outside, asked }: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const [version, info] = await Promise.all(['/version', '/info'].map((path) => outside.engineGet(asked.docker, path, signal)));
  return { content: { version: allow(answerOf(version), ENGINE_VERSION), info: allow(answerOf(info), ENGINE_INFO) } };
}

/** Values of variables are read, so that they can be kept out of logs and messages, and written nowhere. */
async function gatherContainers({ outside, asked }: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const query = new URLSearchParams({ all: '1', filters: OUR_CONTAINERS }).toString();
  const listed = answerOf(await outside.engineGet(asked.docker, `/containers/json?${query}`, signal));
  const [kept, secrets]: [unknown[], string[]] = [[], []];
  for (const entry of (Array.isArray(listed) ? listed : []).slice(0, CONTAINERS_MAX)) {
    const reply = await outside.engineGet(asked.docker, `/containers/${encodeURIComponent(textField(entry, 'Id'))}/json`, signal);
    // It may be gone by now.
    if (reply.type !== 'answer') continue;
    kept.push(allow(reply.value, CONTAINER));
    for (const variable of listField(reply.value, 'Config', 'Env')) {
      const text = typeof variable === 'string' ? variable : '';
      if (!text.startsWith('PATH=')) secrets.push(text.slice(text.indexOf('=') + 1));
    }
    // The engine quotes commands in its errors. A program's path is no secret, and stands in other texts too.
    for (const path of ['Cmd', 'Entrypoint'])
      secrets.push(
        ...listField(reply.value, 'Config', path)
          .map(String)
          .filter((word) => !/^\/?[\w.-]+(\/[\w.-]+)*$/.test(word) || /\d/.test(word)),
      );
  }
  return { content: kept, secrets };
}

function answerOf(reply: EngineReply | undefined): unknown {
  if (reply?.type === 'answer') return reply.value;
  const why =
    reply === undefined || reply.type === 'denied' ? 'permission denied' : reply.type === 'silent' ? 'no answer' : reply.why;
  throw new SkerryError('EngineAbsent', `ask the container engine: ${why}`);
}

async function describe({ asked, outside, scratch }: SupportScene, read: Describe, name: string): Promise<Gathered> {
  const path = join(asked.dataDir, name);
  if (!(await outside.exists(path))) return { content: null };
  const { summary, secrets } = await read(path, scratch());
  return { content: summary, secrets };
}

/** `/dev/mmcblk0p2 / ext4`. Options are left out: of network file systems they name users. */
async function gatherMounts({ outside }: SupportScene): Promise<Gathered> {
  const { content } = await file(outside, '/proc/self/mounts');
  const lines = String(content)
    .split('\n')
    .filter((line) => line !== '')
    .map(
      (line) => `${line.split(' ').slice(0, 3).join(' ')}${/^\S+ \S+ \S+ (?:\S+,)?ro[, ]/.test(line) ? ' (read-only)' : ''}\n`,
    );
  return { content: lines.join('') };
}

/** What the kernel itself says: not what programs write there, nor its command line, nor what audit quotes of programs' (but of denials). */
async function gatherKernel(scene: SupportScene, signal: AbortSignal): Promise<Gathered> {
  const { content } = await program(scene, ['dmesg', '--ctime', '--kernel'], signal);
  const isOpen = (line: string) =>
    !/command line/i.test(line) && (!line.includes(' audit: ') || line.includes(' audit: type=1400 '));
  return { content: String(content).split('\n').filter(isOpen).join('\n') };
}

async function jsonOf(scene: SupportScene, argv: readonly string[], shape: Shape, signal: AbortSignal): Promise<Gathered> {
  const { content } = await program(scene, argv, signal);
  return { content: allow(parsedJson(String(content)), shape) };
}

async function file(outside: Outside, path: string): Promise<Gathered> {
  const read = await outside.read(path);
  if (read.type === 'denied') throw denied(path);
  return { content: read.type === 'text' ? read.text : '' };
}

async function program(
  { outside }: Pick<SupportScene, 'outside'>,
  argv: readonly string[],
  signal: AbortSignal,
): Promise<Gathered> {
  const ran = await outside.run(argv, signal);
  const what = argv.slice(0, 2).join(' ');
  if (ran.type === 'missing') throw new SkerryError('ToolMissing', `${what}: there is no such program here`);
  if (ran.type === 'stopped') throw new SkerryError('CommandFailed', `${what}: ${ran.why}`);
  if (ran.code !== 0)
    throw new SkerryError('CommandFailed', `${what}: ${ran.stderr.trim().split('\n')[0] ?? ''} (exit code ${ran.code})`);
  return { content: ran.stdout };
}

const denied = (path: string): SkerryError => new SkerryError('Forbidden', `read ${path}: permission denied; run it as root`);

/** For the file's name. */
export function nodeNameIn(identity: unknown, hostname: string): string {
  const name = textField(fieldsOf(identity)['joined'], 'node');
  return (name === '' ? hostname.toLowerCase() : name).replaceAll(/[^a-z0-9.-]/g, '-');
}
