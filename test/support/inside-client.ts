import { lookup } from 'node:dns/promises';
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { CoreV1Api, KubeConfig } from '@kubernetes/client-node';

/**
 * What runs in a pod of inside.test.ts: a stock client with its in-cluster configuration, which writes down again and again what it was answered, how long
 * that took, and what it finds in its files and variables.
 */
export type Told = {
  readonly at: number;
  /** Names of the pods of its own namespace, or why it knows none. */
  readonly pods: string;
  readonly podsMs: number;
  readonly elsewhere: string;
  /** What the API's name resolves to. */
  readonly address: string;
  readonly file: string;
  /** The same file, mounted by itself. */
  readonly fixed: string;
  readonly labels: string;
  readonly token: string;
  readonly variables: Readonly<Record<string, string | undefined>>;
};

const OUT = '/told/told.json';
const EVERY_MS = 200;
const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';

async function look(): Promise<void> {
  const config = new KubeConfig();
  config.loadFromCluster();
  const api = config.makeApiClient(CoreV1Api);
  const namespace = readFileSync(`${ACCOUNT}/namespace`, 'utf8');
  const names = async (of: string) => {
    const { items } = await api.listNamespacedPod({ namespace: of });
    return items.map(({ metadata }) => metadata?.name ?? '').join();
  };
  const startMs = Date.now();
  const pods = await names(namespace).catch(reason);
  const podsMs = Date.now() - startMs;
  const told: Told = {
    at: startMs,
    pods,
    podsMs,
    elsewhere: await names('kube-system').catch(reason),
    address: await lookup('kubernetes.default.svc').then(({ address }) => address, reason),
    file: readFileSync('/settings/value', 'utf8'),
    fixed: readFileSync('/fixed', 'utf8'),
    labels: readFileSync('/settings/labels', 'utf8'),
    token: readFileSync(`${ACCOUNT}/token`, 'utf8'),
    variables: process.env,
  };
  writeFileSync(`${OUT}.new`, JSON.stringify(told));
  renameSync(`${OUT}.new`, OUT);
}

/** The status, or the code of the socket's error. */
function reason(error: unknown): string {
  const text =
    error instanceof Error ? `${error.message} ${reason(error.cause)} ${'code' in error ? String(error.code) : ''}` : '';
  return /ECONN[A-Z]+|\b[45]\d\d\b/.exec(text)?.[0] ?? text;
}

function again(): void {
  void look()
    .catch((error: unknown) => console.error(error))
    .finally(() => setTimeout(again, EVERY_MS));
}

again();
