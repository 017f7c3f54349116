import { killContainer } from '../lab/engine.ts';
import { waitFor } from '../lab/exec.ts';
import type { Host } from '../lab/host.ts';
import { IMAGES, allAppContainers, appContainers, waitForNode, type PlacedContainer, type Stage } from './stage.ts';

/**
 * The story of the demo, a step at a time. `npm run demo` tells it; test/e2e/story.test.ts runs the same steps as tests. A step
 * throws when what it shows is not so.
 */
export type Step = { readonly title: string; readonly run: (stage: Stage) => Promise<void> };

const CUT_MS = 30_000;

export const STEPS: readonly Step[] = [
  {
    title: 'start a server',
    run: async ({ lab, say }) => {
      await lab.server.boot({ engine: false });
      await lab.startServer();
      say(`the API answers at ${lab.serverUrl}`);
    },
  },
  {
    title: 'boot three edge nodes, each a host with an engine of its own, and join them with a token',
    run: async (stage) => {
      const { lab } = stage;
      const token = await lab.createToken('--uses', '3', '--ttl', '1h');
      await Promise.all(
        lab.nodes.map(async (host) => {
          await host.boot({ engine: true });
          await lab.loadImages(host, IMAGES);
          lab.startAgent(host, '--server', lab.serverUrl, '--token', token);
        }),
      );
      await Promise.all(lab.nodes.map(({ name }) => waitForNode(stage, name, 'True')));
      await stage.show('get', 'nodes', '-o', 'wide');
    },
  },
  {
    title: 'apply a DaemonSet and a Deployment of 4 replicas with stock kubectl',
    run: async (stage) => {
      await stage.show('apply', '-f', stage.manifest('sensor.yaml'), '-f', stage.manifest('web.yaml'));
      await stage.kubectl('rollout', 'status', 'daemonset/sensor', '--timeout=60s');
      await stage.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
      await stage.show('get', 'pods', '-o', 'wide');
      const pods = await stage.kubectl('get', 'pods', '-o', 'jsonpath={range .items[*]}{.spec.nodeName}{"\\n"}{end}');
      const nodes = new Set(pods.trim().split('\n'));
      if (nodes.size !== 3) throw new Error(`pods run on ${[...nodes].join(', ')}, not on three nodes`);
    },
  },
  {
    title: "read a container's log",
    run: async (stage) => {
      const log = await stage.kubectl('logs', 'deployment/web');
      if (!log.includes('web version 1 here')) throw new Error(`the log of web reads ${JSON.stringify(log)}`);
      await stage.show('logs', 'deployment/web');
    },
  },
  {
    title: 'reach a service by its name, from a pod on another node',
    run: async (stage) => {
      await stage.show('get', 'service/web', '-o', 'wide');
      await askByName(stage);
    },
  },
  {
    title: 'roll out a new image, and undo it',
    run: async (stage) => {
      await stage.show('set', 'image', 'deployment/web', 'web=demo/web:2');
      await stage.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
      await expectImage(stage, 'web', 'demo/web:2', 4);
      await stage.show('rollout', 'history', 'deployment/web');
      await stage.show('rollout', 'undo', 'deployment/web');
      await stage.kubectl('rollout', 'status', 'deployment/web', '--timeout=60s');
      await expectImage(stage, 'web', 'demo/web:1', 4);
    },
  },
  {
    title: 'write down every container, its id and its start time',
    run: async (stage) => {
      stage.before = await waitFor(
        'seven containers and no more',
        async () => {
          const all = await allAppContainers(stage.lab);
          return all.length === 7 ? all : undefined;
        },
        30_000,
      );
    },
  },
  {
    title: `cut the link of one node for ${CUT_MS / 1000} s; meanwhile kill a container on it and roll out the DaemonSet`,
    run: cutTheLink,
  },
  {
    title: 'kill the server with -9, reach the service by its name all the same, and start the server again',
    run: async (stage) => {
      await stage.lab.stopServer('SIGKILL');
      await askByName(stage);
      await stage.lab.startServer();
      const since = performance.now();
      // Leases of nodes live in memory: one is there once its node has been heard by this server.
      await waitFor('the nodes to find the server again', async () => {
        const leases = await stage.kubectl('get', 'leases', '-n', 'kube-node-lease', '-o', 'name');
        return leases.trim().split('\n').length === stage.lab.nodes.length ? true : undefined;
      });
      stage.say(`all nodes have found it again ${seconds(performance.now() - since)} after it was ready`);
      await Promise.all(stage.lab.nodes.map(({ name }) => waitForNode(stage, name, 'True')));
      await stage.show('get', 'nodes');
    },
  },
  {
    title: 'cut the power of another node and boot it with no network: its containers start from its own disk',
    run: cutThePower,
  },
  { title: 'compare every container with what was written down', run: compare },
];

/** A pod asks for the service by its name, often enough that each of its pods has answered: those on other nodes, too. */
async function askByName(stage: Stage): Promise<void> {
  const { lab, say } = stage;
  const host = nodeAt(stage, 0);
  const all = await allAppContainers(lab);
  const client = all.find(({ pod, node }) => pod.startsWith('sensor-') && node === host.name);
  const servers = all.filter(({ pod }) => pod.startsWith('web-'));
  if (client === undefined) throw new Error(`no sensor runs on ${host.name}`);
  if (servers.every(({ node }) => node === host.name)) throw new Error(`all of web runs on ${host.name}: there is no other node`);
  // By nc, since Debian's busybox, where it is static, crashes in wget as soon as that looks for the port of "http".
  const ask = "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 1 web 80 | tail -n 1 | grep . || echo nobody";
  const answers = await waitFor(
    `each of ${servers.length} pods of web to answer ${client.pod} on ${host.name}`,
    async () => {
      const argv = [
        'docker',
        '-H',
        'unix:///run/docker.sock',
        'exec',
        client.id,
        'sh',
        '-c',
        `for i in $(seq 40); do ${ask}; done`,
      ];
      const names = (await host.exec(...argv)).trim().split('\n');
      return !names.includes('nobody') && servers.every(({ pod }) => names.includes(pod)) ? names : undefined;
    },
    30_000,
  );
  say(`GET http://web, ${answers.length} times, from ${client.pod} on ${host.name}:`);
  const rows = servers.map(({ pod, node }) => {
    const times = answers.filter((name) => name === pod).length;
    return { 'answered by': pod, on: node === host.name ? `${node} (the same node)` : node, times: String(times) };
  });
  say(table(rows));
}

async function cutTheLink(stage: Stage): Promise<void> {
  const { lab, say } = stage;
  const host = nodeAt(stage, 0);
  const since = performance.now();
  await lab.lan.setCable(host.index, 'down');
  await waitForNode(stage, host.name, 'Unknown');
  say(`${host.name} is NotReady ${seconds(performance.now() - since)} after the cut`);
  for (const container of await allAppContainers(lab))
    if (container.pod.startsWith('sensor-')) stage.excused.set(container.id, 'rolled out');
  await stage.show('set', 'image', 'daemonset/sensor', 'sensor=demo/sensor:2');

  const victim = (await appContainers(host)).find(({ pod }) => pod.startsWith('web-'));
  if (victim === undefined) throw new Error(`no container of web runs on ${host.name}`);
  stage.excused.set(victim.id, 'killed by the demo');
  await killContainer(host.engineSocket(), victim.id);
  const killed = performance.now();
  const again = await waitFor(
    'the node to start the killed container again',
    async () => (await appContainers(host)).find(({ pod, id }) => pod === victim.pod && id !== victim.id),
    20_000,
    20,
  );
  say(
    `${victim.pod} was killed and runs again ${seconds(performance.now() - killed)} later as ${again.id.slice(0, 12)}, by the node itself`,
  );

  const restMs = Math.max(0, CUT_MS - (performance.now() - since));
  say(`the link stays cut for another ${seconds(restMs)}`);
  await new Promise((resolve) => setTimeout(resolve, restMs));
  await stage.show('get', 'nodes');
  await lab.lan.setCable(host.index, 'up');
  const healed = performance.now();
  await waitForNode(stage, host.name, 'True');
  say(`${host.name} is Ready ${seconds(performance.now() - healed)} after the link is back`);
  await stage.kubectl('rollout', 'status', 'daemonset/sensor', '--timeout=60s');
  await expectImage(stage, 'sensor', 'demo/sensor:2', 3);
  await stage.kubectl('wait', '--for=condition=Ready', 'pods', '--all', '--timeout=60s');
  say(
    `the rollout has arrived everywhere, and all pods are ready, ${seconds(performance.now() - healed)} after the link is back`,
  );
}

async function cutThePower(stage: Stage): Promise<void> {
  const { lab, say } = stage;
  const host = nodeAt(stage, 1);
  const lost = await appContainers(host);
  for (const { id } of lost) stage.excused.set(id, 'power cut');
  await host.cutPower();
  await waitForNode(stage, host.name, 'Unknown');
  await host.boot({ engine: false });
  await lab.lan.setCable(host.index, 'down');
  await host.startEngine();
  const up = performance.now();
  lab.startAgent(host);
  await waitFor(
    `${lost.length} containers on ${host.name}`,
    async () => {
      const pods = new Set((await appContainers(host)).map(({ pod }) => pod));
      return lost.every(({ pod }) => pods.has(pod)) ? true : undefined;
    },
    60_000,
    20,
  );
  say(`${lost.length} containers run again ${seconds(performance.now() - up)} after the agent was started, with no network`);
  await lab.lan.setCable(host.index, 'up');
  await waitForNode(stage, host.name, 'True');
  await stage.show('get', 'pods', '-o', 'wide');
}

async function compare(stage: Stage): Promise<void> {
  const after = await allAppContainers(stage.lab);
  const rows = stage.before.map((old) => {
    const now = after.find(({ id }) => id === old.id);
    const successor = after.find(({ pod }) => pod === old.pod);
    const verdict =
      now !== undefined && now.startedAt === old.startedAt ? 'untouched' : (stage.excused.get(old.id) ?? 'RESTARTED');
    return { pod: old.pod, node: old.node, before: label(old), after: label(now ?? successor), verdict };
  });
  stage.say(table(rows));
  const wrong = rows.filter(({ verdict }) => verdict === 'RESTARTED');
  if (wrong.length > 0) throw new Error(`restarted though nothing had stopped them: ${wrong.map(({ pod }) => pod).join(', ')}`);
  if (!rows.some(({ verdict }) => verdict === 'untouched'))
    throw new Error('no container was left untouched: the comparison proves nothing');
}

async function expectImage(stage: Stage, app: string, image: string, count: number): Promise<void> {
  await waitFor(`${count} pods of ${app} to run ${image}`, async () => {
    const text = await stage.kubectl(
      'get',
      'pods',
      '-l',
      `app=${app}`,
      '-o',
      'jsonpath={range .items[*]}{.status.containerStatuses[0].image} {.status.phase} {.metadata.deletionTimestamp}{"\\n"}{end}',
    );
    const lines = text
      .trim()
      .split('\n')
      .map((line) => line.trim());
    return lines.length === count && lines.every((line) => line.endsWith(`${image} Running`)) ? true : undefined;
  });
}

function nodeAt(stage: Stage, index: number): Host {
  const host = stage.lab.nodes[index];
  if (host === undefined) throw new Error(`the lab has no node ${index + 1}`);
  return host;
}

const label = (container: PlacedContainer | undefined): string =>
  container === undefined ? 'gone' : `${container.id.slice(0, 12)} ${container.startedAt.slice(11, 23)}`;

export const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

function table(rows: readonly Readonly<Record<string, string>>[]): string {
  const heads = Object.keys(rows[0] ?? {});
  const widths = heads.map((head) => Math.max(head.length, ...rows.map((row) => (row[head] ?? '').length)));
  const line = (cells: readonly string[]) =>
    cells
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join('  ')
      .trimEnd();
  return [line(heads.map((head) => head.toUpperCase())), ...rows.map((row) => line(heads.map((head) => row[head] ?? '')))].join(
    '\n',
  );
}
