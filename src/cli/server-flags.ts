import type { Command } from 'commander';
import type { Clock } from '#lib/clock.ts';
import type { ApiClient } from './client/api-client.ts';
import type { Discovery } from './client/discovery.ts';
import { DATA_DIR, type Context } from './context.ts';
import { duration, folder } from './flags.ts';

/** The flags of every verb that asks a server for objects: which server, as whom, in which namespace. They are kubectl's. */
export type ServerVerbFlags = {
  readonly namespace?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string;
  readonly user?: string;
  /** Milliseconds; 0: as long as it takes. */
  readonly requestTimeout?: number;
  readonly dataDir: string;
};

export function withServerFlags(command: Command): Command {
  return command
    .option('-n, --namespace <name>', "the namespace (default: the context's)")
    .option(
      '--kubeconfig <file>',
      'which server, and as whom (default: $KUBECONFIG, ~/.kube/config, what a server left in --data-dir)',
    )
    .option('--context <name>', 'the context of the kubeconfig')
    .option('--cluster <name>', "the cluster of the kubeconfig, in place of the context's")
    .option('--user <name>', "the user of the kubeconfig, in place of the context's")
    .option('--request-timeout <duration>', 'how long to wait for an answer; 0: as long as it takes (default: 30s)', timeout)
    .option('--data-dir <dir>', 'where a server of this machine keeps its state', folder, DATA_DIR);
}

/** As kubectl: a number alone is of seconds. */
function timeout(text: string): number {
  return /^\d{1,6}$/.test(text) ? Number(text) * 1_000 : duration(text);
}

/** Aborted when the time is over that the user gave for a request: for answers that have no end of their own. */
export function requestSignal({ requestTimeout = 0 }: Pick<ServerVerbFlags, 'requestTimeout'>, clock: Clock): AbortSignal {
  const stop = new AbortController();
  if (requestTimeout > 0) clock.timer(requestTimeout, () => stop.abort());
  return stop.signal;
}

/** The server that is meant, and what it serves. Connects to nothing yet. */
export async function connect(
  context: Context,
  flags: ServerVerbFlags,
): Promise<{ readonly client: ApiClient; readonly discovery: Discovery }> {
  const { findConnection } = await import('./client/find-connection.ts');
  const { createApiClient } = await import('./client/api-client.ts');
  const { createDiscovery } = await import('./client/discovery.ts');
  const client = createApiClient(await findConnection(flags, context), context, flags.requestTimeout);
  return { client, discovery: createDiscovery(client) };
}
