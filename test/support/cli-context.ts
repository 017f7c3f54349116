import type { AgentFlags, Context, ServerFlags } from '../../src/cli/context.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';

/** A context that runs nothing: what is said, and the flags that a mode would have been given, are kept. */
export function cliContext(more: Partial<Context>) {
  const given: (ServerFlags | AgentFlags)[] = [];
  const said = { output: '' };
  const take = async (flags: ServerFlags | AgentFlags) => void given.push(flags);
  const context: Context = {
    stdout: (text) => (said.output += text),
    stderr: (text) => (said.output += text),
    write: async (chunk) => void (said.output += chunk.toString()),
    stdin: async () => '',
    interactive: () => false,
    homedir: () => '/nowhere',
    clock: systemClock,
    ids: systemIds,
    release: '1.2.3',
    nodeVersion: 'v24.0.0',
    platform: 'linux/arm64',
    isTerminal: () => false,
    // Not what this machine may have.
    environment: { SKERRY_CONFIG: '/dev/null' },
    executable: undefined,
    hostname: () => 'Board-7',
    findAddress: async () => undefined,
    describeStore: async () => ({ summary: {}, secrets: [] }),
    describeLedger: async () => ({ summary: {}, secrets: [] }),
    runServer: take,
    runAgent: take,
    clearNode: async () => ({ node: undefined, removed: [], left: [] }),
    holdServer: async () => ({ release: () => undefined }),
    resetNode: async () => ({ node: 'n1', server: 'told', cleared: { removed: [], left: [] }, forgotten: true }),
    confirm: async () => undefined,
    ...more,
  };
  return { context, given, said };
}
