import { readFileSync } from 'node:fs';
import { IMAGES, createStage, waitForNode, type Stage } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import { createLab, type LabOptions } from '../../scripts/lab/lab.ts';
import { kubectl } from './kubectl.ts';

/** A lab for tests of faults: a server and joined nodes, with what is asked of them again and again. */
export type LabWorld = Stage & {
  /** Waits until the log of a host's process has this text, and gives the line. */
  readonly logged: (host: Host, process: string, text: string) => Promise<string>;
  /** `kubectl create -f -` of objects, as JSON. */
  readonly create: (...objects: readonly object[]) => Promise<void>;
  readonly join: (host: Host, ...flags: readonly string[]) => Promise<void>;
};

export type LabWorldOptions = Omit<LabOptions, 'nodes'> & {
  /** Of the server's first start. */
  readonly serverFlags?: readonly string[];
};

export async function startLabWorld(nodes: number, { serverFlags = [], ...options }: LabWorldOptions = {}): Promise<LabWorld> {
  const client = kubectl('1.36');
  const lab = await createLab({ nodes, ...options });
  const stage = createStage(lab, client, () => undefined);
  const begin = async () => {
    await lab.server.boot({ engine: false });
    await lab.startServer(...serverFlags);
  };
  // Whom a start fails has no world to remove.
  await begin().catch(async (error: unknown) => {
    await lab.remove();
    throw error;
  });
  const world: LabWorld = {
    ...stage,
    logged: (host, process, text) =>
      waitFor(`"${text}" in the log of ${host.name}`, () =>
        readFileSync(host.logFile(process), 'utf8')
          .split('\n')
          .find((line) => line.includes(text)),
      ),
    create: async (...objects) => {
      const list = JSON.stringify({ apiVersion: 'v1', kind: 'List', items: objects });
      await stage.kubectlWith(list, 'create', '-f', '-');
    },
    join: async (host, ...flags) => {
      await host.boot({ engine: true });
      await lab.loadImages(host, IMAGES);
      lab.startAgent(host, '--server', lab.serverUrl, '--token', await lab.createToken(), ...flags);
      await waitForNode(stage, host.name, 'True');
    },
  };
  return world;
}

/** The first of a world's nodes. */
export function firstNode({ lab }: Pick<LabWorld, 'lab'>): Host {
  const [host] = lab.nodes;
  if (host === undefined) throw new Error('the lab has a node');
  return host;
}

/** Both nodes of a world of two. */
export function twoNodes({ lab }: Pick<LabWorld, 'lab'>): readonly [Host, Host] {
  const [one, two] = lab.nodes;
  if (one === undefined || two === undefined) throw new Error('the lab has two nodes');
  return [one, two];
}

/** A Deployment of one of the story's images, wherever there is room. */
export function deployment(name: string, replicas: number, image = 'demo/web:1', spec: object = {}): object {
  const labels = { app: name };
  const containers = [{ name: 'app', image }];
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 1, containers, ...spec } },
    },
  };
}
