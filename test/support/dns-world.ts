import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { ServiceItem } from '#api/link/items.ts';
import type { KnownEndpoint, KnownService } from '#agent/services/service-view.ts';
import { end } from '../../scripts/lab/exec.ts';
import { until } from './engine.ts';
import { connect, startNetns, type Netns } from './netns.ts';

/** A node with a name server of its own, and what is outside: two network namespaces with a cable between them. Needs root, dig and dnsmasq. */
export type DnsWorld = {
  readonly node: Netns;
  readonly outside: Netns;
  readonly folder: string;
  readonly resolvConf: string;
  /** As a DHCP client does it: another file in the place of the old one. */
  readonly setResolvConf: (text: string) => void;
  /** What systemd-resolved writes of those it asks itself. */
  readonly setBehindStub: (text: string) => void;
  readonly setServices: (services: readonly KnownService[]) => void;
  /** `slowLedger`: beside a ledger each sync of which takes half a second. */
  readonly startServer: (options?: { readonly slowLedger: boolean }) => Promise<void>;
  readonly stopServer: () => Promise<void>;
  readonly reload: () => void;
  /** Reasons of the events that were told. */
  readonly events: () => readonly string[];
  readonly startDnsmasq: (where: Netns, ...args: readonly string[]) => Promise<{ readonly stop: () => Promise<void> }>;
  /** `dig +short` at the name server, on the node. */
  readonly short: (...args: readonly string[]) => Promise<string>;
  /** The status dig tells, and its answer's flags: `NOERROR qr aa rd ra`. */
  readonly status: (...args: readonly string[]) => Promise<string>;
  readonly stop: () => Promise<void>;
};

export const NODE_ADDRESS = '10.9.9.1';
export const OUTSIDE_ADDRESS = '10.9.9.2';
const SERVER = '169.254.20.10';

export async function startDnsWorld(): Promise<DnsWorld> {
  const [node, outside] = await Promise.all([startNetns(), startNetns()]);
  await connect(node, NODE_ADDRESS, outside, OUTSIDE_ADDRESS);
  const folder = mkdtempSync(join(tmpdir(), 'skerry-dns-'));
  const [services, resolvConf, log] = [join(folder, 'services.json'), join(folder, 'resolv.conf'), join(folder, 'log')];
  const behindStub = join(folder, 'behind-stub');
  const children = new Set<ChildProcess>();
  let server: ChildProcess | undefined;
  writeFileSync(services, '[]');
  writeFileSync(resolvConf, '');
  writeFileSync(log, '');

  const launch = (where: Netns, argv: readonly string[], heard: (text: string) => void) => {
    const child = spawn('nsenter', ['-t', String(where.pid), '-n', ...argv], {
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    });
    children.add(child);
    child.on('exit', () => children.delete(child));
    child.stdout.on('data', (chunk: Buffer) => heard(chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => heard(chunk.toString()));
    return child;
  };

  const dig = (args: readonly string[]) => node.run('dig', `@${SERVER}`, '+time=3', '+tries=1', ...args).catch(String);

  return {
    node,
    outside,
    folder,
    resolvConf,
    setResolvConf: (text) => {
      writeFileSync(`${resolvConf}.new`, text);
      renameSync(`${resolvConf}.new`, resolvConf);
    },
    setBehindStub: (text) => writeFileSync(behindStub, text),
    setServices: (all) => writeFileSync(services, JSON.stringify(all)),
    startServer: async ({ slowLedger } = { slowLedger: false }) => {
      writeFileSync(log, '');
      const program = resolve(import.meta.dirname, 'dns-child.ts');
      const argv = [
        process.execPath,
        program,
        services,
        resolvConf,
        behindStub,
        ...(slowLedger ? [mkdtempSync(join(folder, 'ledger-'))] : []),
      ];
      server = launch(node, argv, (text) => writeFileSync(log, text, { flag: 'a' }));
      await until(() => readFileSync(log, 'utf8').includes(slowLedger ? 'committing' : 'listening'), 'the name server', 30_000);
    },
    stopServer: async () => {
      if (server !== undefined) await end(server);
    },
    reload: () => void server?.kill('SIGHUP'),
    events: () =>
      readFileSync(log, 'utf8')
        .split('\n')
        .flatMap((line) => /"reason":"(\w+)"/.exec(line)?.[1] ?? []),
    startDnsmasq: async (where, ...args) => {
      let said = '';
      const fixed = [
        '-k',
        '--conf-file=/dev/null',
        '--no-resolv',
        '--no-hosts',
        '--user=root',
        '--pid-file=',
        '--log-facility=-',
      ];
      const child = launch(where, ['dnsmasq', ...fixed, ...args], (text) => (said += text));
      await until(() => /started, version/.test(said) || child.exitCode !== null, 'dnsmasq');
      if (child.exitCode !== null) throw new Error(`dnsmasq does not start: ${said}`);
      return { stop: () => end(child) };
    },
    short: async (...args) => (await dig(['+short', ...args])).trim(),
    status: async (...args) => {
      const said = await dig(args);
      return `${/status: (\w+)/.exec(said)?.[1] ?? said} ${/flags: ([\w ]*);/.exec(said)?.[1] ?? ''}`.trim();
    },
    stop: async () => {
      await Promise.all([...children].map((child) => end(child, 'SIGKILL')));
      node.stop();
      outside.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

export function knownService(
  name: string,
  spec: Partial<ServiceItem['spec']>,
  endpoints: readonly KnownEndpoint[] = [],
): KnownService {
  return { item: { kind: 'Service', metadata: { namespace: 'default', name }, spec: { type: 'ClusterIP', ...spec } }, endpoints };
}

export function knownEndpoint(address: string, hostname?: string): KnownEndpoint {
  const ports = [{ name: 'http', protocol: 'TCP', port: 8080 }] as const;
  return { address, ports, node: 'node-1', isLocal: true, isDoubtful: false, ...(hostname === undefined ? {} : { hostname }) };
}
