import { waitFor } from '../../scripts/lab/exec.ts';
import type { Host } from '../../scripts/lab/host.ts';

/** Web servers behind services, and who of them answers when a host asks: real packets, from the host itself. */

/** A pod that serves its name, and is not started again. */
export function webPod(name: string, host: Host, labels: Readonly<Record<string, string>> = { app: 'web' }): object {
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

/** Names, sorted; `failed 28` and the like for what does not answer. */
export async function answers(host: Host, url: string, times = 12): Promise<readonly string[]> {
  const ask = `curl -s -m 1 ${url} || echo "failed $?"`;
  const output = await host.exec('sh', '-c', `for i in $(seq ${times}); do ${ask}; done`);
  return [...new Set(output.trim().split('\n'))].toSorted();
}

export async function untilAnswer(host: Host, url: string, expected: readonly string[], deadlineMs = 30_000): Promise<void> {
  let last: readonly string[] = [];
  await waitFor(
    `${expected.join(' and ')} to answer on ${host.name}`,
    async () => ((last = await answers(host, url)).join() === expected.join() ? true : undefined),
    deadlineMs,
  ).catch((error: unknown) => {
    throw new Error(`last it was ${last.join(' and ')}`, { cause: error });
  });
}
