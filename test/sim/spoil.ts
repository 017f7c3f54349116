import type { Readiness } from '../../src/agent/readiness.ts';
import type { Runtime } from '../../src/agent/runtime/runtime.ts';
import type { PeerPath } from '../../src/agent/services/service-model.ts';
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
  /** How its pods are, as a node's services hear it. */
  readonly readiness?: (readiness: Readiness) => Readiness;
  /** To a peer, as a node's services hear of it. */
  readonly path?: (path: PeerPath) => PeerPath;
  /** When all faults have ended. */
  readonly healed?: (nodes: readonly SimNode[]) => void;
};
