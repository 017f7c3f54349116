import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { readFileIfThere } from '#lib/durable-file.ts';
import { SkerryError } from '#lib/error.ts';
import { hostPort, type HostPort } from '#lib/host-port.ts';
import { field, parsedJson, textField } from '#lib/json-field.ts';
import type { Layout, Mode } from './layout.ts';
import { identityFile } from './observe.ts';
import { unitFile, unitName } from './units.ts';

/**
 * Who a machine is already, by the data that lies in a folder. Installed as the other, it would leave its cluster, or its cluster it, without a word: that
 * takes a command of its own. It neither reads keys nor asks anybody.
 */
export type BornAs =
  | { readonly type: 'nobody' }
  /** `node` and `server` are undefined where they can not be read. */
  | { readonly type: 'node'; readonly node: string | undefined; readonly server: string | undefined }
  | { readonly type: 'server' };

/** `dataDir`: as the system itself sees it. */
export function bornAs(root: string, dataDir: string): BornAs {
  // First: beside it lies the server's own node.
  if (existsSync(join(root, dataDir, 'server'))) return { type: 'server' };
  const text = readFileIfThere(identityFile(root, dataDir));
  return text === undefined ? { type: 'nobody' } : { type: 'node', ...readNode(text) };
}

/** Undefined: as no node, or as one that can not be read. */
export function joinedAs(root: string, dataDir: string): { readonly node: string; readonly server: string } | undefined {
  const { node, server } = readNode(readFileIfThere(identityFile(root, dataDir)) ?? '');
  return node === undefined || server === undefined ? undefined : { node, server };
}

export type Asked = {
  readonly mode: Mode;
  readonly layout: Layout;
  /** Where the data is by what is asked for, by the settings before, and by what the other mode's service says. */
  readonly dataDirs: readonly string[];
  /** Where it is unless somebody says otherwise. */
  readonly usualDataDir: string;
  /** Without one nothing here can be asked to reset or uninstall anything. */
  readonly isInstalled: boolean;
  /** The program that was started is the installed one, which an uninstallation takes away. */
  readonly isInstalledOne: boolean;
};

/** Throws OtherMode. */
export function refuseOtherMode({ mode, layout, dataDirs, usualDataDir, ...here }: Asked): void {
  // It is of this mode already, whatever data of the other one lies about.
  if (existsSync(unitFile(layout, mode))) return;
  for (const dataDir of new Set(dataDirs)) {
    const born = bornAs('/', dataDir);
    const flag = dataDir === usualDataDir ? '' : ` --data-dir ${dataDir}`;
    if (born.type === 'node' && mode === 'server') throw refusal(mode, nodeRefusal(born, dataDir, flag, here.isInstalled));
    if (born.type === 'server' && mode === 'agent') throw refusal(mode, serverRefusal(mode, dataDir, flag, here));
  }
}

const refusal = (mode: Mode, why: string): SkerryError => new SkerryError('OtherMode', `install the ${mode}: ${why}`);

function nodeRefusal(
  { node, server }: Extract<BornAs, { readonly type: 'node' }>,
  dataDir: string,
  flag: string,
  isInstalled: boolean,
): string {
  const who = `this machine is ${node === undefined ? 'a node' : `node ${node}`} of the cluster at ${server ?? 'another server'} (${dataDir}/agent)`;
  const command = `\`systemctl stop ${unitName('agent')}; skerry reset${flag}\``;
  return isInstalled
    ? `${who}; ${command} takes it out of that cluster, then run this line again`
    : `${who}; \`kubectl delete node ${node ?? 'NAME'}\` there and \`rm -r ${dataDir}/agent\` here take it out of that cluster, then run this line again`;
}

function serverRefusal(
  mode: Mode,
  dataDir: string,
  flag: string,
  { isInstalled, isInstalledOne }: Pick<Asked, 'isInstalled' | 'isInstalledOne'>,
): string {
  const who = `this machine is the server of a cluster (its data is in ${dataDir}/server)`;
  const paths = ['server', 'agent', 'admin.kubeconfig', 'recovery.key'].map((name) => `${dataDir}/${name}`).join(' ');
  const command = isInstalled ? `skerry uninstall --purge${flag}` : `rm -rf ${paths}`;
  return `${who}; \`${command}\` ends that cluster for good, and all of its nodes lose their server; then ${isInstalledOne ? `install the ${mode} as at first (install.sh: the program is gone with it)` : 'run this line again'}`;
}

function readNode(text: string): { readonly node: string | undefined; readonly server: string | undefined } {
  // Damaged, it was a node all the same.
  const value = parsedJson(text);
  const [node, host, port] = [
    textField(value, 'joined', 'node'),
    textField(value, 'server', 'host'),
    field(value, 'server', 'port'),
  ];
  const isNamed = host !== '' && typeof port === 'number';
  return {
    node: node === '' ? undefined : node,
    server: isNamed ? serverUrl({ host, port }) : undefined,
  };
}

export const serverUrl = (server: HostPort): string => `https://${hostPort(server)}`;
