import { SkerryError } from '#lib/error.ts';

/** The link's topics as text and back, and the one message that is the transport's own. See transport.ts for what they mean. */
export type Direction = 'up' | 'dn';

export const BYE = 'bye';
/** Longest node name (DNS-1123 subdomain), in characters. */
const NODE_CHARACTERS_MAX = 253;
const KIND = /^[a-z]{1,16}$/;
const NODE = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;

export function topicOf(cluster: string, node: string, direction: Direction, kind: string): string {
  return `skerry/${cluster}/${node}/${direction}/${kind}`;
}

/** All of a node's topics in one direction, as a subscription. */
export function topicFilter(cluster: string, node: string, direction: Direction): string {
  return topicOf(cluster, node, direction, '#');
}

/** The kind of message that `topic` is for, if it is one of this node's in this direction. */
export function kindOf(topic: string, cluster: string, node: string, direction: Direction): string | undefined {
  const prefix = topicOf(cluster, node, direction, '');
  const kind = topic.slice(prefix.length);
  return topic.startsWith(prefix) && KIND.test(kind) ? kind : undefined;
}

export function isNodeName(text: string): boolean {
  return text.length <= NODE_CHARACTERS_MAX && NODE.test(text);
}

/** Why the server ends a connection. Unauthorized: this key is not welcome. Replaced: the node connected anew. Closed: the rest. */
export type Bye = { readonly code: 'Unauthorized' | 'Replaced' | 'Closed'; readonly reason: string };

/** Characters of a reason that are passed on. */
const REASON_CHARACTERS_MAX = 1_024;

export function encodeBye({ code, reason }: Bye): Buffer {
  return Buffer.from(`${code} ${reason.slice(0, REASON_CHARACTERS_MAX)}`, 'utf8');
}

/** What a bye says, as the error that ends the connection; anything unreadable is an end without a reason. */
export function byeError(payload: Uint8Array): SkerryError {
  const text = Buffer.from(payload).toString('utf8');
  const match = /^(Unauthorized|Replaced|Closed) ([^]*)$/.exec(text);
  const [, code = 'Closed', reason = 'it gave no reason'] = match ?? [];
  return new SkerryError(code, `the server ended the connection: ${reason.slice(0, REASON_CHARACTERS_MAX)}`);
}
