import { Option } from 'commander';
import type { ConfigLook } from '#install/config/check-config.ts';
import type { Proxy } from '#net/proxy/proxy.ts';
import { CONFIG_FILE, DATA_DIR } from './context.ts';
import { clusterCidr, folder, hostPort, httpsUrl, parsedOption, unixSocket } from './flags.ts';
import { proxyOption } from './node-options.ts';

/** The flags of the verbs that look at this machine as a mode of it would find it: each is a setting, and has what the environment and the file say. */
export type MachineFlags = {
  readonly dataDir: string;
  readonly docker: string;
  readonly server?: string;
  readonly proxy?: Proxy;
  readonly listen: { readonly host: string; readonly port: number };
  readonly clusterCidr?: string;
  readonly agent: boolean;
  readonly config?: string;
  /** Put there by configure.ts. */
  readonly settings: ConfigLook;
};

export function machineOptions(): readonly Option[] {
  return [
    new Option('--config <file>', `the settings of this machine (default: "${CONFIG_FILE}", if there)`),
    new Option('--data-dir <dir>', 'where all state is, or will be, kept').argParser(folder).default(DATA_DIR),
    parsedOption('--docker <socket>', 'the Docker-compatible engine', unixSocket, 'unix:///var/run/docker.sock'),
    new Option('--server <url>', 'the server to look for (default: the one that this node has joined)').argParser(httpsUrl),
    proxyOption(),
    parsedOption('--listen <host:port>', 'where a server of this machine listens', hostPort, '0.0.0.0:6443'),
    new Option(
      '--cluster-cidr <network>',
      'where pods have their addresses from, if the rules of this machine do not say',
    ).argParser(clusterCidr),
    new Option('--no-agent', 'the server of this machine runs no agent'),
  ];
}

/** What the doctor is asked. */
export function askedOf({ dataDir, docker, server, proxy, listen, clusterCidr: pods, agent, settings }: MachineFlags) {
  const { path, file, problems } = settings;
  return {
    dataDir,
    docker,
    ...(server === undefined ? {} : { server }),
    ...(proxy === undefined ? {} : { proxy }),
    port: listen.port,
    ...(pods === undefined ? {} : { clusterCidr: pods }),
    agent,
    settings: { path, isThere: file !== undefined, problems },
  };
}
