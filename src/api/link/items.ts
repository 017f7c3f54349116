import type { ConfigMap } from '../kinds/config-map.ts';
import type { Pod } from '../kinds/pod.ts';
import type { Secret } from '../kinds/secret.ts';

/**
 * What a node's document is made of. An item is the projection of an API object that a node acts on: never managedFields or
 * resourceVersion, and of a pod's status only its end. Its bytes are canonical JSON (src/api/link/canonical.ts), its name in the index is
 * the SHA-256 of those bytes, so that any release of the server gives the same item the same name. Unknown item kinds and fields are kept
 * as received.
 *
 * Keys in the index: `node` (the node itself), `pods/<uid>`, `configmaps/<namespace>/<name>`, `secrets/<namespace>/<name>`.
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

export type Item = NodeItem | PodItem | ConfigMapItem | SecretItem;
