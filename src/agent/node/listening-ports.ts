import { readFile } from 'node:fs/promises';
import type { Clock } from '#lib/clock.ts';

/**
 * Ports of this machine that somebody listens on, each as `tcp/8080`: what a service must not take over. Of UDP's ephemeral ones those that stay (WireGuard's):
 * the others are clients', come and go, and would be refused at random.
 */
export function createListeningPorts(clock: Pick<Clock, 'monotonic'>, read = readPorts): () => Promise<ReadonlySet<string>> {
  let sinceMs: ReadonlyMap<string, number> = new Map();
  return async () => {
    const [ports, nowMs] = [await read(), clock.monotonic()];
    sinceMs = new Map([...ports].filter(isEphemeral).map((port) => [port, sinceMs.get(port) ?? nowMs]));
    return new Set([...ports].filter((port) => nowMs - (sinceMs.get(port) ?? Number.NEGATIVE_INFINITY) >= STAYS_MS));
  };
}

/** No question and its answer take as long. */
export const STAYS_MS = 30_000;
/** As Linux has it where nobody has set it otherwise (ip_local_port_range). */
const EPHEMERAL_FROM = 32_768;

const isEphemeral = (port: string): boolean => port.startsWith('udp/') && Number(port.slice('udp/'.length)) >= EPHEMERAL_FROM;

/** From /proc/net: only of this process's network. */
async function readPorts(): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    (['tcp', 'tcp6', 'udp', 'udp6'] as const).map(async (name) => {
      const text = await readFile(`/proc/net/${name}`, 'utf8').catch(() => '');
      return parseListening(text, name.startsWith('tcp') ? 'tcp' : 'udp');
    }),
  );
  return new Set(tables.flat());
}

const TCP_LISTEN = '0A';
/** A socket that is not connected: whoever binds one to a port waits for packets there, or asks from there. */
const UDP_UNCONNECTED = '07';
const ANY_REMOTE = /^0+:0000$/;
/** 127.0.0.0/8 and 169.254.0.0/16, as the kernel writes them: no service's port is led there; and ::1. */
const INNER = /^(......7F|....FEA9|0{24}01000000|0{16}FFFF0000......7F)$/;

export function parseListening(text: string, protocol: 'tcp' | 'udp'): readonly string[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
      const [address = '', hex = ''] = local.split(':');
      const port = Number.parseInt(hex, 16);
      if (!Number.isInteger(port) || port === 0 || INNER.test(address)) return [];
      const listens = protocol === 'tcp' ? state === TCP_LISTEN : state === UDP_UNCONNECTED && ANY_REMOTE.test(remote);
      return listens ? [`${protocol}/${port}`] : [];
    });
}
