import { readFileSync } from 'node:fs';
import { waitFor } from '../../scripts/lab/exec.ts';
import type { Api } from './api.ts';
import { memoryOf } from './memory.ts';
import { row, type Row } from './statistics.ts';

/** What an agent costs that knows a thousand services and probes its pods a hundred times in ten seconds, once nothing changes any more. */
const SERVICES = 1000;
/** Each with as many pods as a service has endpoints. */
const DEPLOYMENTS = 10;
const ENDPOINTS = 5;
const PROBES_EACH = 2;
const PERIOD_SECONDS = 10;
const SETTLE_MS = 30_000;
const WATCH_MS = 20_000;
/** Of the kernel's clock that a process' time is counted in. */
const TICK_MS = 10;

/** `podSpec`: with a container that lives on. */
export async function busyNode(
  api: Api,
  agentPid: number,
  podSpec: { readonly containers: readonly object[] },
): Promise<readonly Row[]> {
  for (let at = 0; at < SERVICES; at += 1)
    await api.call('POST', '/api/v1/namespaces/default/services', {
      apiVersion: 'v1',
      kind: 'Service',
      metadata: { name: `service-${at}` },
      spec: { selector: { app: `probed-${at % DEPLOYMENTS}` }, ports: [{ port: 80, targetPort: 8080 }] },
    });
  const path = '/apis/apps/v1/namespaces/default/deployments';
  // The node's own name server takes connections, and nothing else has to be started for it.
  const probe = { tcpSocket: { host: '169.254.20.10', port: 53 }, periodSeconds: PERIOD_SECONDS };
  const containers = podSpec.containers.map((each) => ({ ...each, readinessProbe: probe, livenessProbe: probe }));
  for (let at = 0; at < DEPLOYMENTS; at += 1) {
    const labels = { app: `probed-${at}` };
    await api.call('POST', path, {
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: labels.app },
      spec: {
        replicas: ENDPOINTS,
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: { ...podSpec, containers } },
      },
    });
  }
  await waitFor(
    'the probed pods',
    async () => {
      const { items } = JSON.parse((await api.call('GET', path)).text) as { readonly items: readonly Deployment[] };
      const probed = items.filter(({ metadata }) => metadata.name.startsWith('probed-'));
      return probed.every(({ status }) => status?.readyReplicas === ENDPOINTS) ? true : undefined;
    },
    180_000,
  );
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  const before = cpuMs(agentPid);
  await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
  const share = ((cpuMs(agentPid) - before) / WATCH_MS) * 100;
  const { rssMb, privateMb } = memoryOf(agentPid);
  return [
    row(
      `agent with ${SERVICES} services of ${ENDPOINTS} endpoints, ${DEPLOYMENTS * ENDPOINTS * PROBES_EACH} probes each ${PERIOD_SECONDS} s (RSS / private; CPU)`,
      `${rssMb} / ${privateMb} MB; ${share.toFixed(1)} %`,
    ),
  ];
}

type Deployment = { readonly metadata: { readonly name: string }; readonly status?: { readonly readyReplicas?: number } };

/** Of the whole process, since its start. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ').at(-1)?.split(' ') ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
