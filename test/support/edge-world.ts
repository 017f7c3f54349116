import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Host } from '../../scripts/lab/host.ts';
import { firstNode, startLabWorld, type LabWorld } from './lab-world.ts';

/** A lab of a server and one joined node, edge-1, with an /etc of its own: for verbs that look at a whole machine. */
export const SOCKET: readonly string[] = ['--docker', 'unix:///run/docker.sock'];

/** Where a host's skerry keeps its data. */
export const dataDir = (host: Host): string => join(host.disk, 'skerry');

/** What is written to the node's /etc lies in `etc-upper` on its disk. */
export async function startEdgeWorld(): Promise<LabWorld> {
  const world = await startLabWorld(1);
  const edge = firstNode(world);
  await world.join(edge);
  // In the host's own mount namespace: the machine's /etc stays as it is.
  const [upper, work] = [join(edge.disk, 'etc-upper'), join(edge.disk, 'etc-work')];
  for (const folder of [upper, work]) mkdirSync(folder);
  await edge.exec('mount', '-t', 'overlay', 'overlay', '-o', `lowerdir=/etc,upperdir=${upper},workdir=${work}`, '/etc');
  return world;
}
