/**
 * A pod's network on this node, as the agent asks for it: a veth pair, an address and a route each, and the node's forwarding and masquerading beside whatever
 * else keeps rules here. Mechanism only: who gets which address is decided elsewhere.
 */
export type Wiring = {
  /** What is wired, by pod uid. */
  readonly observe: (signal: AbortSignal) => Promise<ReadonlyMap<string, Wired>>;
  /** Makes the pair anew; what was wired for this pod before goes. Throws code WiringFailed. */
  readonly wire: (request: WireRequest, signal: AbortSignal) => Promise<void>;
  /** Harmless where nothing is wired. */
  readonly unwire: (podUid: string, signal: AbortSignal) => Promise<void>;
  /** Sees that the node forwards and masquerades for its pods. Level-triggered: meant to be called again and again. */
  readonly ensureNode: (node: NodeNetwork, signal: AbortSignal) => Promise<void>;
  /**
   * Whether the chains in which ensureNode overrules others' drops are other than it found them last: it has changed them itself since, or
   * somebody else has. Two small processes, for every few seconds. False before the first ensureNode.
   */
  readonly isNodeChanged: (signal: AbortSignal) => Promise<boolean>;
};

export type Wired = { readonly sandboxId: string; readonly address: string };

export type WireRequest = Wired & {
  readonly podUid: string;
  /** A process in the pod's network namespace, as seen from this process. */
  readonly pid: number;
};

export type NodeNetwork = {
  readonly podCidr: string;
  /** What all pods' addresses are from: traffic to it keeps its source. */
  readonly clusterCidr: string;
  readonly hostPorts: readonly HostPort[];
};

export type HostPort = {
  readonly protocol: 'tcp' | 'udp' | 'sctp';
  readonly hostPort: number;
  /** Undefined: every address of the node. */
  readonly hostAddress?: string;
  readonly address: string;
  readonly port: number;
};
