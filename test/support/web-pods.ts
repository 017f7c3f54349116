import { appContainers } from '../../scripts/demo/stage.ts';
import { run, waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';
import type { ImageRecipe } from '../../scripts/lab/images.ts';

/** Web servers behind services, and who of them answers when a host asks: real packets, from the host itself. */

/** It waits; busybox, being static, asks for no names but by nslookup and ping. */
export const CURL_IMAGE: ImageRecipe = {
  reference: 'test/curl:1',
  programs: { 'bin/curl': '/usr/bin/curl' },
  command: ['sh', '-c', "trap 'exit 0' TERM; while :; do sleep 3600 & wait $!; done"],
};

/** A pod that serves its name, and is not started again; `change` is of its spec. */
export function webPod(
  name: string,
  host: Host,
  labels: Readonly<Record<string, string>> = { app: 'web' },
  change: object = {},
): object {
  const serve = 'mkdir -p /www; hostname > /www/index.html; exec httpd -f -p 8080 -h /www';
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, namespace: 'default', labels },
    spec: {
      nodeName: host.name,
      restartPolicy: 'Never',
      terminationGracePeriodSeconds: 1,
      containers: [{ name: 'web', image: 'demo/web:1', command: ['sh', '-c', serve] }],
      ...change,
    },
  };
}

export function webService(name: string, spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Service',
    metadata: { name, namespace: 'default' },
    spec: { selector: { app: 'web' }, ports: [{ port: 80, targetPort: 8080 }], ...spec },
  };
}

/** What asks: a host, or a pod of one. */
export type Asking = Pick<Host, 'name' | 'exec'>;

/** Names, sorted; `failed 28` and the like for what does not answer. */
export async function answers(host: Asking, url: string, times = 12): Promise<readonly string[]> {
  const ask = `curl -s -m 1 ${url} || echo "failed $?"`;
  const output = await host.exec('sh', '-c', `for i in $(seq ${times}); do ${ask}; done`);
  return [...new Set(output.trim().split('\n'))].toSorted();
}

export async function untilAnswer(host: Asking, url: string, expected: readonly string[], deadlineMs = 30_000): Promise<void> {
  let last: readonly string[] = [];
  await waitFor(
    `${expected.join(' and ')} to answer on ${host.name}`,
    async () => ((last = await answers(host, url)).join() === expected.join() ? true : undefined),
    deadlineMs,
  ).catch((error: unknown) => {
    throw new Error(`last it was ${last.join(' and ')}`, { cause: error });
  });
}

/** Runs a command in the only container of a pod that runs on this host. */
export async function inPod(host: Host, pod: string, ...argv: readonly string[]): Promise<string> {
  const found = (await appContainers(host)).find((container) => container.pod === pod);
  if (found === undefined) throw new Error(`${pod} has no container on ${host.name}`);
  return run('docker', ['-H', `unix://${host.engineSocket()}`, 'exec', found.id, ...argv]);
}
