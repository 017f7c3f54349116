import { networkInterfaces } from 'node:os';
import { run, tryRun } from './exec.ts';

/**
 * The lab's LAN: a network namespace with a bridge, one cable (a veth pair) for each host and one for this machine, so that kubectl
 * can be run from here. Every name carries the lab's id, so that labs can stand side by side.
 */
export type Lan = {
  readonly namespace: string;
  /** This machine's own address on the LAN. */
  readonly address: string;
  /** Address of host `index` (1…200). */
  readonly addressOf: (index: number) => string;
  /** Plugs a host's network namespace in, as its eth0. */
  readonly plug: (index: number, namespace: string) => Promise<void>;
  /** The cable is gone, at both ends. */
  readonly unplug: (index: number) => Promise<void>;
  readonly setCable: (index: number, state: 'up' | 'down') => Promise<void>;
  readonly remove: () => Promise<void>;
};

/** `id`: up to 4 hex digits. The LAN is 198.18.<low byte of id>.0/24, of the range that RFC 2544 keeps for test networks. */
export async function createLan(id: string): Promise<Lan> {
  const namespace = `sk${id}lan`;
  const prefix = prefixOf(Number.parseInt(id, 16));
  const near = `sk${id}-0`;
  const remove = async () => {
    await tryRun('ip', ['link', 'del', near]);
    await tryRun('ip', ['netns', 'del', namespace]);
  };
  const make = async () => {
    await run('ip', ['netns', 'add', namespace]);
    await inside(namespace, ['link', 'set', 'lo', 'up']);
    await inside(namespace, ['link', 'add', 'br0', 'type', 'bridge']);
    await inside(namespace, ['link', 'set', 'br0', 'up']);
    await run('ip', ['link', 'add', near, 'type', 'veth', 'peer', 'name', 'l0', 'netns', namespace]);
    await inside(namespace, ['link', 'set', 'l0', 'master', 'br0', 'up']);
    await run('ip', ['addr', 'add', `${prefix}.254/24`, 'dev', near]);
    await run('ip', ['link', 'set', near, 'up']);
  };
  await remove();
  await make().catch(async (error: unknown) => {
    await remove();
    throw error;
  });
  return {
    namespace,
    address: `${prefix}.254`,
    addressOf: (index) => `${prefix}.${index}`,
    plug: async (index, host) => {
      await inside(namespace, ['link', 'add', `l${index}`, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', host]);
      await inside(namespace, ['link', 'set', `l${index}`, 'master', 'br0', 'up']);
      await inside(host, ['link', 'set', 'lo', 'up']);
      await inside(host, ['addr', 'add', `${prefix}.${index}/24`, 'dev', 'eth0']);
      await inside(host, ['link', 'set', 'eth0', 'up']);
      await inside(host, ['route', 'add', 'default', 'via', `${prefix}.254`]);
    },
    unplug: async (index) => {
      await tryRun('ip', ['-n', namespace, 'link', 'del', `l${index}`]);
    },
    setCable: (index, state) => inside(namespace, ['link', 'set', `l${index}`, state]),
    remove,
  };
}

/** An id from `number` on whose LAN this machine has no cable of yet: another lab may have one. */
export function freeLanId(number: number): string {
  const taken = Object.values(networkInterfaces()).flatMap((entries = []) => entries.map(({ address }) => address));
  for (let id = number; id < number + 256; id += 1)
    if (!taken.includes(`${prefixOf(id)}.254`)) return (id % 0x10000).toString(16);
  throw new Error('every LAN of 198.18.0.0/16 is plugged into this machine: labs that were never removed? (ip link)');
}

function prefixOf(id: number): string {
  return `198.18.${id % 256}`;
}

async function inside(namespace: string, args: readonly string[]): Promise<void> {
  await run('ip', ['-n', namespace, ...args]);
}
