/**
 * The network of all pods, as it stands in a node's own rules: for whoever has to know it and has neither the ledger nor the server. Takes what
 * `nft list` and `iptables -S` print of the chain that masquerades (rules.ts). Pure.
 */
export function clusterCidrIn(rules: string): string | undefined {
  const [, nft, iptables] = NOT_TO_PODS.exec(rules) ?? [];
  return nft ?? iptables;
}

const NOT_TO_PODS = /ip daddr != (\d[\d./]+) oifname != .*masquerade|! -d (\d[\d./]+) ! -o .*-j MASQUERADE/;
