import type { ConfigMap } from '../kinds/config-map.ts';
import type { Pod } from '../kinds/pod.ts';
import type { Secret } from '../kinds/secret.ts';
import type { ServiceSpec } from '../kinds/service.ts';

/**
 * What a node's document is made of. An item is the projection of an API object that a node acts on: never managedFields or
 * resourceVersion, and of a pod's status only its end and its readiness gates. Its bytes are canonical JSON (src/api/link/canonical.ts), its name in the index is
 * the SHA-256 of those bytes, so that an item that says the same has the same name, whichever release of the server made it. Unknown item kinds and fields are kept
 * as received.
 *
 * Keys in the index: `node` (the node itself), `pods/<uid>`, `configmaps/<namespace>/<name>`, `secrets/<namespace>/<name>`, `network`,
 * `services/<namespace>/<name>`, `endpoints/<namespace>/<service>/<node>` (behind the last slash `~<slice>` where an endpoint names no node),
 * `peers/<node>`, `tokens/<pod uid>/<volume>/<path>`.
 */
export type PodItem = {
  readonly kind: 'Pod';
  readonly metadata: {
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
    readonly creationTimestamp: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    /** Set when the pod is being deleted: the node stops it within the grace period and reports; then the server removes the object. */
    readonly deletionTimestamp?: string;
    readonly deletionGracePeriodSeconds?: number;
  };
  readonly spec: NonNullable<Pod['spec']>;
  /** It has run to its end, or was ended: a node whose ledger was lost does not run it again. */
  readonly ended?: PodEnd;
  /** Status of the conditions that its readiness gates name, as far as they are there: others say them, over the API. Absent where it has no gates. */
  readonly gates?: Readonly<Record<string, string>>;
  /**
   * Names of abilities a node must have to act on this item; one it does not know is refused with an event, never ignored. A later
   * release's fields (the uid that a pod takes over from, say) come with the name of one.
   */
  readonly features?: readonly string[];
};

export type PodEnd = { readonly phase: 'Succeeded' | 'Failed'; readonly reason: string; readonly message: string };

export type ConfigMapItem = {
  readonly kind: 'ConfigMap';
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly data?: ConfigMap['data'];
  readonly binaryData?: ConfigMap['binaryData'];
};

export type SecretItem = {
  readonly kind: 'Secret';
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly type: string;
  readonly data?: Secret['data'];
};

/** What the server allotted to the node: an agent wires no pod before it has its pod CIDR. */
export type NodeItem = {
  readonly kind: 'Node';
  readonly metadata: { readonly name: string; readonly uid: string };
  /** `10.32.0.0/25`, and the range that all nodes' pod CIDRs are cut from. */
  readonly spec: { readonly podCIDR?: string; readonly clusterCIDR: string; readonly unschedulable?: boolean };
};

/** What holds for the whole cluster's network: fixed at the server's first start. */
export type NetworkItem = {
  readonly kind: 'Network';
  readonly spec: {
    /** `10.32.0.0/11` and `10.96.0.0/16`. */
    readonly clusterCIDR: string;
    readonly serviceCIDR: string;
    /** `cluster.local`, without a dot at its end. */
    readonly clusterDomain: string;
  };
};

/** Every Service, on every node. */
export type ServiceItem = {
  readonly kind: 'Service';
  readonly metadata: { readonly namespace: string; readonly name: string };
  readonly spec: Pick<
    ServiceSpec,
    | 'type'
    | 'clusterIP'
    | 'ports'
    | 'selector'
    | 'sessionAffinity'
    | 'sessionAffinityConfig'
    | 'internalTrafficPolicy'
    | 'externalTrafficPolicy'
    | 'healthCheckNodePort'
    | 'publishNotReadyAddresses'
    | 'externalName'
  >;
  /** Of type LoadBalancer: the addresses in its status, sorted. */
  readonly addresses?: readonly string[];
};

/**
 * The endpoints of one Service on one node, out of whose EndpointSlices ever: a change of one pod's readiness changes one small item. A node's own are not
 * in its document: it derives them itself.
 */
export type EndpointsItem = {
  readonly kind: 'Endpoints';
  readonly metadata: { readonly namespace: string; readonly name: string };
  /** Undefined: made by hand. */
  readonly node?: string;
  readonly endpoints: readonly EndpointEntry[];
};

export type EndpointEntry = {
  readonly address: string;
  readonly ports: readonly { readonly name: string; readonly protocol: 'TCP' | 'UDP' | 'SCTP'; readonly port: number }[];
  /** As EndpointSlice's conditions; absent: ready and serving. */
  readonly unready?: true;
  readonly notServing?: true;
  readonly terminating?: true;
  readonly hostname?: string;
  /** Of one that was made by hand, the node that it names: there it is local. */
  readonly node?: string;
};

/**
 * A node that this one may have a path to: it reported an address in one of this node's LANs. Whether it is there, and is the one, this node finds out (two sites may have
 * the same LAN).
 */
export type PeerItem = {
  readonly kind: 'Peer';
  readonly metadata: { readonly name: string };
  readonly podCIDR: string;
  readonly addresses: readonly { readonly address: string; readonly mac: string }[];
  /** The server hears nothing of it: its endpoints are used where there are no others. It may well be there, on its LAN. */
  readonly silent?: true;
};

/** A service account's token for a projected volume of a pod on this node, made for it alone (audience, pod, node). */
export type TokenItem = {
  readonly kind: 'Token';
  readonly metadata: { readonly podUid: string; readonly volume: string; readonly path: string };
  readonly token: string;
};

export type Item =
  | NodeItem
  | PodItem
  | ConfigMapItem
  | SecretItem
  | NetworkItem
  | ServiceItem
  | EndpointsItem
  | PeerItem
  | TokenItem;
