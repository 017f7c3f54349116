import { createPublicKey } from 'node:crypto';
import { overlaps, parseCidr } from '#api/ip.ts';
import { LABEL_VALUE_BYTES_MAX, dnsSubdomainProblems, labelValueProblems, longest, qualifiedNameProblems } from '#api/names.ts';
import { badRequestError } from '#api/status.ts';
import type { JoinRequest } from '#api/link/join.ts';
import { publicKeyHash } from '#net/tls/key-hash.ts';

/** What can be said of a join without looking at any state. Throws code BadRequest with every problem; gives the hash of the node's key. */
export function checkJoinRequest(request: JoinRequest, clusterCIDR: string): string {
  const keyHash = keyHashOf(request.publicKey);
  const problems = [
    ...nameProblems(request.node),
    ...(keyHash === undefined ? ['publicKey: it is no public key of EC P-256'] : []),
    ...Object.entries(request.labels).flatMap(([key, value]) =>
      [...qualifiedNameProblems(key), ...labelValueProblems(value)].map((problem) => `labels: ${key}=${value}: ${problem}`),
    ),
    ...request.networks.flatMap((network) => networkProblems(network, clusterCIDR)),
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

function networkProblems(network: string, clusterCIDR: string): readonly string[] {
  const [theirs, ours] = [parseCidr(network), parseCidr(clusterCIDR)];
  if (theirs === undefined) return [`networks: ${network} is no network`];
  return ours !== undefined && overlaps(theirs, ours)
    ? [`networks: the node is on ${network}, which overlaps ${clusterCIDR}, from which pods get their addresses`]
    : [];
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
