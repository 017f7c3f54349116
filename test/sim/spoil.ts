import type { Runtime } from '../../src/agent/runtime/runtime.ts';
import type { Committer } from '../../src/server/store/committer.ts';
import type { SimNode } from './sim-node.ts';
import type { SimServer } from './sim-server.ts';

/** Parts that are broken on purpose, to see that an invariant notices. */
export type Spoil = {
  readonly committer?: (committer: Committer) => Committer;
  /** Before a process opens it. */
  readonly database?: (file: string) => void;
  /** Once it runs. */
  readonly server?: (server: SimServer) => void;
  /** The engine as the agent gets it. */
  readonly runtime?: (runtime: Runtime, node: SimNode) => Runtime;
  /** When all faults have ended. */
  readonly healed?: (nodes: readonly SimNode[]) => void;
};
