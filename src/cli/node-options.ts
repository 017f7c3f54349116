import { Option } from 'commander';
import { LOG_FILE_BYTES_MAX } from '#lib/log-file.ts';
import { CONFIG_FILE, DATA_DIR, type Context } from './context.ts';
import { capacity, file, folder, ipAddress, labels, logLevel, nodeName, parsedOption, proxy, unixSocket } from './flags.ts';

/** The flags that `skerry server` and `skerry agent` share, each declared once: both run a node, from one file of settings. */

/** Where state and settings are, and how much is told of what happens. */
export function serviceOptions(): readonly Option[] {
  return [
    new Option('--data-dir <dir>', 'where all state is kept').argParser(folder).default(DATA_DIR),
    new Option('--config <file>', `settings: a YAML file whose keys are these flags (default: "${CONFIG_FILE}", if there)`),
    new Option('--log-level <level>', 'debug, info, warn, error or silent').argParser(logLevel).default('info'),
    new Option(
      '--log-file <file>',
      `log to a file of at most ${LOG_FILE_BYTES_MAX / 1024 / 1024} MiB, with one more before it as FILE.1 (default: stderr)`,
    ).argParser(file),
  ];
}

/** By which a node reaches its server. */
export const proxyOption = (): Option =>
  new Option('--proxy <url>', 'the HTTP proxy by which the server is reached (default: none)').argParser(proxy);

/** What this machine is as a node. */
export function nodeOptions(context: Pick<Context, 'hostname'>): readonly Option[] {
  return [
    new Option(
      '--node-name <name>',
      `name of the node, for its first start (default: "${context.hostname().toLowerCase()}")`,
    ).argParser(nodeName),
    parsedOption('--docker <socket>', 'the Docker-compatible engine', unixSocket, 'unix:///var/run/docker.sock'),
    new Option('--node-ip <address>', 'the address that the node reports (default: that of the default route)').argParser(
      ipAddress,
    ),
    new Option('--labels <k=v,…>', 'labels of the node').argParser(labels).default({}, 'none'),
    new Option('--capacity <k=v,…>', 'caps what the node offers: cpu, memory, ephemeral-storage, pods')
      .argParser(capacity)
      .default({}, 'what the machine has'),
  ];
}

export const SETTINGS_HELP = `
Every flag can also stand in the file of settings, without its dashes (node-name: board-7), or in the environment
(SKERRY_NODE_NAME=board-7): a flag goes before the environment, that before the file. \`skerry config check\` looks it over.`;
