import { readFile } from 'node:fs/promises';

/** Ports of this machine that somebody listens on, from /proc/net: what a service must not take over. Only of this process's network. */
export async function readListeningPorts(folder = '/proc/net'): Promise<ReadonlySet<string>> {
  const tables = await Promise.all(
    (['tcp', 'tcp6', 'udp', 'udp6'] as const).map(async (name) => {
      const text = await readFile(`${folder}/${name}`, 'utf8').catch(() => '');
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

/** Each as `tcp/8080`. UDP's ephemeral ports are those of clients: they come and go, and would be refused at random. */
export function parseListening(text: string, protocol: 'tcp' | 'udp', ephemeralFrom = 32_768): readonly string[] {
  return text
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [, local = '', remote = '', state = ''] = line.trim().split(/\s+/);
      const [address = '', hex = ''] = local.split(':');
      const port = Number.parseInt(hex, 16);
      if (!Number.isInteger(port) || port === 0 || INNER.test(address)) return [];
      const listens =
        protocol === 'tcp' ? state === TCP_LISTEN : state === UDP_UNCONNECTED && ANY_REMOTE.test(remote) && port < ephemeralFrom;
      return listens ? [`${protocol}/${port}`] : [];
    });
}
