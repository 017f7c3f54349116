import { writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { kubeconfigText } from '#api/kubeconfig.ts';

/**
 * A server that gives `skerry get pods` a table with one pod, whatever is asked, for code-cache.ts to run the command line to its end. It speaks plain HTTP: what
 * TLS takes is Node's own code. The certificates in its kubeconfig are none: they are there to be read.
 */
export type WarmUpServer = { readonly kubeconfig: string; readonly stop: () => void };

/** Writes the kubeconfig to `kubeconfig`. */
export async function startWarmUpServer(kubeconfig: string): Promise<WarmUpServer> {
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(TABLE));
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  // Sound: it listens on a port.
  const { port } = server.address() as AddressInfo;
  const [certificate, key] = [pem('CERTIFICATE'), pem('PRIVATE KEY')];
  writeFileSync(
    kubeconfig,
    kubeconfigText({ server: `http://127.0.0.1:${port}`, user: 'nobody', ca: certificate, certificate, key }),
  );
  return {
    kubeconfig,
    stop: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

const TABLE = {
  kind: 'Table',
  apiVersion: 'meta.k8s.io/v1',
  metadata: { resourceVersion: '1' },
  columnDefinitions: ['Name', 'Ready', 'Status', 'Restarts', 'Age'].map((name) => ({
    name,
    type: 'string',
    format: '',
    priority: 0,
  })),
  rows: [{ cells: ['web-1', '1/1', 'Running', 0, '1s'], object: { metadata: { name: 'web-1', namespace: 'default' } } }],
};

const pem = (label: string): string => `-----BEGIN ${label}-----\nAAAA\n-----END ${label}-----\n`;
