import { readFileSync } from 'node:fs';
import { waitFor } from '../../scripts/lab/exec.ts';
import { expectOk, type Api } from './api.ts';
import { memoryOf } from './memory.ts';
import { row, type Row } from './statistics.ts';

/** What an agent costs that knows a thousand services: with them alone, while fifty pods of theirs start, and once nothing changes any more but that each pod is probed. */
const SERVICES = 1000;
/** Each with as many pods as a service has endpoints. */
const DEPLOYMENTS = 10;
const ENDPOINTS = 5;
const PODS = DEPLOYMENTS * ENDPOINTS;
const PERIOD_SECONDS = 10;
const PORT = 8080;
const SETTLE_MS = 30_000;
/** As long as all is looked at once (LOOK_AT_ALL_MS in src/agent/pod-loop.ts). */
const WATCH_MS = 60_000;
const LOOK_MS = 100;
/** The agent's MemoryHigh (src/install/units.ts): above it the kernel slows it down. What is private it can not take back. */
const PRIVATE_MB_MAX = 64;
/** Of the kernel's clock that a process' time is counted in. */
const TICK_MS = 10;

const DEPLOYMENT_PATH = '/apis/apps/v1/namespaces/default/deployments';

/** `agentPid`: of an agent that was started as `launch` does. `image`: with busybox in it. */
export async function busyNode(api: Api, agentPid: number, image: string): Promise<readonly Row[]> {
  for (let at = 0; at < SERVICES; at += 1) expectOk(await api.call('POST', '/api/v1/namespaces/default/services', service(at)));
  await pause(SETTLE_MS);
  const alone = memoryOf(agentPid);
  const start = await watched(agentPid, async () => {
    for (let at = 0; at < DEPLOYMENTS; at += 1) expectOk(await api.call('POST', DEPLOYMENT_PATH, deployment(at, image)));
    await waitFor('the probed pods', () => areReady(api), 180_000);
  });
  await pause(SETTLE_MS);
  const calm = await watched(agentPid, () => pause(WATCH_MS));
  const settled = memoryOf(agentPid);
  const share = (calm.cpuMs / WATCH_MS) * 100;
  return [
    row(`agent with ${SERVICES} services, no pods (RSS / private)`, `${alone.rssMb} / ${alone.privateMb} MB`),
    row(
      `agent while ${PODS} pods of theirs start (private at most; processor)`,
      `${start.privateMbMax} MB; ${(start.cpuMs / 1000).toFixed(1)} s`,
      `≤ ${PRIVATE_MB_MAX} MB`,
      start.privateMbMax <= PRIVATE_MB_MAX,
    ),
    row(
      `agent with ${SERVICES} services of ${ENDPOINTS} endpoints, ${PODS} pods (RSS / private; private at most)`,
      `${settled.rssMb} / ${settled.privateMb} MB; ${calm.privateMbMax} MB`,
      `≤ ${PRIVATE_MB_MAX} MB`,
      calm.privateMbMax <= PRIVATE_MB_MAX,
    ),
    row(`its processor for ${PODS} http and ${PODS} tcp probes each ${PERIOD_SECONDS} s`, `${share.toFixed(1)} %`),
  ];
}

/** What it took, in the whole process, and the most of memory there was at a time. */
async function watched(
  pid: number,
  work: () => Promise<unknown>,
): Promise<{ readonly cpuMs: number; readonly privateMbMax: number }> {
  const before = cpuMs(pid);
  let privateMbMax = 0;
  const looks = setInterval(() => {
    privateMbMax = Math.max(privateMbMax, memoryOf(pid).privateMb);
  }, LOOK_MS);
  try {
    await work();
  } finally {
    clearInterval(looks);
  }
  return { cpuMs: cpuMs(pid) - before, privateMbMax };
}

async function areReady(api: Api): Promise<true | undefined> {
  const { items } = JSON.parse((await api.call('GET', DEPLOYMENT_PATH)).text) as { readonly items: readonly Deployment[] };
  const probed = items.filter(({ metadata }) => metadata.name.startsWith('probed-'));
  return probed.every(({ status }) => status?.readyReplicas === ENDPOINTS) ? true : undefined;
}

type Deployment = { readonly metadata: { readonly name: string }; readonly status?: { readonly readyReplicas?: number } };

function service(at: number) {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name: `service-${at}` },
    spec: { selector: { app: `probed-${at % DEPLOYMENTS}` }, ports: [{ port: 80, targetPort: PORT }] },
  };
}

function deployment(at: number, image: string) {
  const labels = { app: `probed-${at}` };
  const container = {
    name: 'web',
    image,
    command: ['httpd', '-f', '-p', String(PORT), '-h', '/etc'],
    resources: { requests: { cpu: '1m', memory: '1Mi' } },
    readinessProbe: { httpGet: { port: PORT, path: '/passwd' }, periodSeconds: PERIOD_SECONDS },
    livenessProbe: { tcpSocket: { port: PORT }, periodSeconds: PERIOD_SECONDS },
  };
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: labels.app },
    spec: {
      replicas: ENDPOINTS,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { terminationGracePeriodSeconds: 0, containers: [container] } },
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Of the whole process, since its start. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
