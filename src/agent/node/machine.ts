import { readFile, statfs } from 'node:fs/promises';
import { availableParallelism, hostname, networkInterfaces, release, totalmem, type NetworkInterfaceInfo } from 'node:os';
import type { LanAddress } from '#api/kinds/node-lan.ts';
import { isInnerInterface } from '#lib/inner-interface.ts';
import { withGateways } from './gateways.ts';

/** What the machine itself says: readings of /proc, /sys and the file system. No opinions; those are node-conditions.ts. */
export type MachineFacts = {
  readonly hostname: string;
  readonly machineId: string;
  readonly systemUuid: string;
  readonly bootId: string;
  readonly uptimeMs: number;
  readonly kernelVersion: string;
  readonly osImage: string;
  readonly cpus: number;
  readonly memoryBytes: number;
};

export type MachineReadings = {
  readonly memoryAvailableBytes: number;
  /** What is kept on that disk. */
  readonly diskPath: string;
  readonly diskBytes: number;
  readonly diskAvailableBytes: number;
  readonly inodes: number;
  readonly inodesFree: number;
  readonly pids: number;
  readonly pidsMax: number;
};

export async function readMachine(): Promise<MachineFacts> {
  const machineId = await read('/etc/machine-id');
  const uuid = await read('/sys/class/dmi/id/product_uuid');
  const uptime = Number((await read('/proc/uptime')).split(' ')[0]);
  return {
    hostname: hostname(),
    machineId,
    systemUuid: uuid === '' ? machineId : uuid.toLowerCase(),
    bootId: await read('/proc/sys/kernel/random/boot_id'),
    uptimeMs: Number.isFinite(uptime) ? uptime * 1000 : 0,
    kernelVersion: release(),
    osImage: /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(await read('/etc/os-release'))?.[1] ?? 'Linux',
    cpus: availableParallelism(),
    memoryBytes: totalmem(),
  };
}

/** `path`: where the agent (and, as a rule, the engine) keeps its files. */
export async function takeReadings(path: string): Promise<MachineReadings> {
  const [disk, memory, load, pidsMax] = await Promise.all([
    statfs(path).catch(() => undefined),
    read('/proc/meminfo'),
    read('/proc/loadavg'),
    read('/proc/sys/kernel/pid_max'),
  ]);
  const availableKib = Number(/^MemAvailable:\s+(\d+)/m.exec(memory)?.[1]);
  return {
    memoryAvailableBytes: Number.isFinite(availableKib) ? availableKib * 1024 : totalmem(),
    diskPath: path,
    diskBytes: disk === undefined ? 0 : disk.blocks * disk.bsize,
    diskAvailableBytes: disk === undefined ? 0 : disk.bavail * disk.bsize,
    inodes: disk?.files ?? 0,
    inodesFree: disk?.ffree ?? 0,
    pids: Number(/\/(\d+) /.exec(load)?.[1] ?? 0),
    pidsMax: Number(pidsMax) || 0,
  };
}

/** The node's address: that of the interface the default route goes through, else of the first that leads anywhere. */
export async function findAddress(): Promise<string | undefined> {
  const [route] = await defaultRoutes();
  const all = addresses().filter(({ family }) => family === 'IPv4');
  return (all.find(({ name }) => name === route?.device) ?? all.find(leadsOut))?.address;
}

/** Each way that leads from this node to others, as a text: addresses of interfaces that are up and have a carrier, and default routes. */
export async function readWaysOut(): Promise<readonly string[]> {
  const routes = await defaultRoutes();
  return [
    ...addresses()
      .filter(leadsOut)
      .map(({ name, address }) => `${name} ${address}`),
    ...routes.map(({ device, gateway }) => `default ${device} ${gateway}`),
  ];
}

/** Its addresses in networks where others may be (src/api/kinds/node-lan.ts), without their gateways. */
export function readLan(): readonly LanAddress[] {
  return addresses()
    .filter((each) => each.family === 'IPv4' && leadsOut(each))
    .map(({ address, cidr, mac }) => ({ address, prefix: Number(cidr?.split('/')[1]), mac, gateways: [] }));
}

/** The same with the gateways that have answered: as it tells them. */
export async function readLanAndGateways(): Promise<readonly LanAddress[]> {
  const [routes, neighbours] = await Promise.all([defaultRoutes(), read('/proc/net/arp')]);
  return withGateways(readLan(), routes, neighbours);
}

/** Every IPv4 address of the machine but loopback. */
export function readAddresses(): readonly string[] {
  return addresses().flatMap(({ family, address }) => (family === 'IPv4' ? [address] : []));
}

/** The networks in which others may be. */
export function lanNetworks(): readonly string[] {
  return readLan().map(({ address, prefix }) => `${address}/${prefix}`);
}

/** All networks that this machine is on: pods' and services' addresses must be in none of them. */
export function localNetworks(): readonly string[] {
  return [...new Set(addresses().flatMap(({ family, cidr }) => (family === 'IPv4' && cidr !== null ? [cidr] : [])))];
}

type Address = Pick<NetworkInterfaceInfo, 'family' | 'address' | 'cidr' | 'mac'> & { readonly name: string };

function addresses(): readonly Address[] {
  return Object.entries(networkInterfaces()).flatMap(([name, entries]) =>
    (entries ?? [])
      .filter(({ internal }) => !internal)
      .map(({ family, address, cidr, mac }) => ({ name, family, address, cidr, mac })),
  );
}

const leadsOut = ({ name }: Address): boolean => !isInnerInterface(name);

/** Of IPv4; the gateway as the kernel writes it, in hex. */
async function defaultRoutes(): Promise<readonly { readonly device: string; readonly gateway: string }[]> {
  const lines = (await read('/proc/net/route')).split('\n').map((line) => line.split('\t'));
  return lines
    .filter((fields) => fields[1] === '00000000' && fields[7] === '00000000')
    .map(([device = '', , gateway = '']) => ({ device, gateway }));
}

async function read(path: string): Promise<string> {
  return (await readFile(path, 'utf8').catch(() => '')).trim();
}
