import { textOf, type Outside } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import { roleOf, type Scene } from '../scene.ts';

/** The server's one port: free, or held by this machine's own server. An agent listens nowhere. */
export type PortFacts = {
  /** Undefined: the machine may become either. */
  readonly role: 'server' | 'agent' | undefined;
  readonly port: number;
  readonly holder: Holder | undefined;
};

/** `command` undefined: who it is could not be seen. */
export type Holder = { readonly pid?: number; readonly command?: string };

/** Of a command line that is shown. */
const COMMAND_LENGTH_MAX = 60;

export async function gatherPorts(scene: Scene): Promise<PortFacts> {
  const { outside, asked } = scene;
  const role = await roleOf(scene);
  const port = asked.port;
  if (role === 'agent') return { role, port, holder: undefined };
  const tables = await Promise.all(['/proc/net/tcp', '/proc/net/tcp6'].map((file) => textOf(outside.read(file))));
  const inodes = tables.flatMap((table) => listeners(table, port));
  return { role, port, holder: inodes.length === 0 ? undefined : await holderOf(outside, inodes) };
}

/** proc_net_tcp: the inodes of sockets that listen (state 0A) on the port, whatever the address. */
export function listeners(table: string, port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
    return state === '0A' && local.endsWith(`:${hex}`) ? [inode] : [];
  });
}

async function holderOf(outside: Outside, inodes: readonly string[]): Promise<Holder> {
  const sockets = new Set(inodes.map((inode) => `socket:[${inode}]`));
  const pids = (await outside.list('/proc')).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const folder = `/proc/${pid}/fd`;
    const targets = await Promise.all((await outside.list(folder)).map((fd) => outside.linkTarget(`${folder}/${fd}`)));
    if (!targets.some((target) => target !== undefined && sockets.has(target))) continue;
    const command = (await textOf(outside.read(`/proc/${pid}/cmdline`))).replaceAll('\0', ' ').trim();
    return { pid: Number(pid), command };
  }
  return {};
}

export function judgePorts({ role, port, holder }: PortFacts): readonly Verdict[] {
  if (role === 'agent') return [ok('an agent listens on no port')];
  if (holder === undefined) return [ok(`${port} is free`)];
  const { pid, command } = holder;
  if (pid === undefined || command === undefined) {
    if (role === 'server') return [unknown(`${port} is taken; by whom can not be seen`, 'Run it as root: sudo skerry doctor')];
    return [warning(`${port} is taken; a server could not listen there`, freed(port))];
  }
  if (isSkerry(command)) return [ok(`${port} is held by skerry itself (process ${pid})`)];
  const what = `${port} is taken by process ${pid} (${programOf(command)})`;
  return role === 'server'
    ? [problem(`${what}: the server can not listen there`, freed(port))]
    : [warning(`${what}: a server could not listen there; an agent needs no port`, freed(port))];
}

const freed = (port: number): string =>
  `Stop what holds it, or give the server another: --listen 0.0.0.0:${port === 6443 ? 7443 : 6443}`;

/** Also from a checkout. */
const isSkerry = (command: string): boolean => /(^|\/)skerry(\s|$)|\/src\/main\.ts server(\s|$)/.test(command);

/** Never its arguments: there may be secrets among them. */
const programOf = (command: string): string => (command.split(' ')[0] ?? '').slice(0, COMMAND_LENGTH_MAX);
