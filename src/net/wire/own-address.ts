import { networkInterfaces } from 'node:os';
import { runCommand, type Command } from './command.ts';

/**
 * Sees that the node's own address for names and services is there, on lo. Of scope host, so that nothing ever leaves the node with it. A look costs no process; only what is missing is
 * made, by `ip`.
 */
export async function ensureOwnAddress(address: string, signal: AbortSignal, run: Command = runCommand): Promise<void> {
  const all = Object.values(networkInterfaces()).flatMap((entries = []) => entries);
  if (all.some((entry) => entry.address === address)) return;
  await run('ip', ['addr', 'replace', `${address}/32`, 'dev', 'lo', 'scope', 'host'], '', signal);
}
