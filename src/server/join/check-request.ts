import { createPublicKey } from 'node:crypto';
import { overlapsOf, type ClusterNetwork } from '#api/cluster-network.ts';
import { parseCidr } from '#api/ip.ts';
import { LABEL_VALUE_BYTES_MAX, dnsSubdomainProblems, labelValueProblems, longest, qualifiedNameProblems } from '#api/names.ts';
import { badRequestError } from '#api/status.ts';
import type { JoinRequest } from '#api/link/join.ts';
import { publicKeyHash } from '#net/tls/key-hash.ts';

/** Where the server is, and which addresses are the cluster's own. */
export type JoinNetworks = { readonly network: ClusterNetwork; readonly serverAddresses: readonly string[] };

/** What can be said of a join without looking at any state. Throws code BadRequest with every problem; gives the hash of the node's key. */
export function checkJoinRequest(request: JoinRequest, networks: JoinNetworks): string {
  const keyHash = keyHashOf(request.publicKey);
  const problems = [
    ...nameProblems(request.node),
    ...(keyHash === undefined ? ['publicKey: it is no public key of EC P-256'] : []),
    ...Object.entries(request.labels).flatMap(([key, value]) =>
      [...qualifiedNameProblems(key), ...labelValueProblems(value)].map((problem) => `labels: ${key}=${value}: ${problem}`),
    ),
    ...networkProblems(request.networks, networks),
  ];
  if (problems.length > 0 || keyHash === undefined)
    throw badRequestError(`join node ${JSON.stringify(request.node)}: ${problems.join('; ')}`);
  return keyHash;
}

/** The name is also the value of the label kubernetes.io/hostname. */
function nameProblems(node: string): readonly string[] {
  const problems = [
    ...dnsSubdomainProblems(node),
    ...(node.length > LABEL_VALUE_BYTES_MAX ? [longest(LABEL_VALUE_BYTES_MAX)] : []),
  ];
  return problems.map((problem) => `node name: ${problem}`);
}

/** Addresses that were a pod's or a service's, and a neighbour's at once, would lead nowhere. */
function networkProblems(theirs: readonly string[], { network, serverAddresses }: JoinNetworks): readonly string[] {
  const found = [
    ...theirs.map((text) => ({ text, what: `networks: the node is on ${text}, which` })),
    // A node that joins anew names no networks: what it has holds for it already.
    ...(theirs.length === 0 ? [] : serverAddresses).map((text) => ({ text, what: `the server's address ${text}` })),
  ];
  return [
    ...theirs.filter((text) => parseCidr(text) === undefined).map((text) => `networks: ${text} is no network`),
    ...found.flatMap(({ text, what }) =>
      overlapsOf(text, network).map(
        ({ flag, cidr }) =>
          `${what} overlaps ${cidr}, which the server was first started with as ${flag}: the cluster needs another ${flag}, which only a new one can have (skerry server in another --data-dir), or this network another range`,
      ),
    ),
  ];
}

function keyHashOf(pem: string): string | undefined {
  try {
    const key = createPublicKey(pem);
    return key.asymmetricKeyType === 'ec' && key.asymmetricKeyDetails?.namedCurve === 'prime256v1'
      ? publicKeyHash(key)
      : undefined;
  } catch {
    return undefined;
  }
}
