/**
 * What the kernel of a node is to do with traffic to services, as data: made anew by the agent at each change, and brought into the kernel by one of two
 * backends (nftables, iptables). Which endpoints are chosen was decided before; here every endpoint named is used, in equal shares.
 */
export type ServiceTable = {
  readonly serviceCidr: string;
  readonly clusterCidr: string;
  readonly podCidr: string;
  /** This node's own for services (169.254.20.10): on lo, and the source of what a pod sends to itself through a service. */
  readonly address: string;
  readonly ports: readonly ServicePortRules[];
  /** Ports of `address` that are led to another port of it, where the first can not be listened on. */
  readonly redirects: readonly Redirect[];
  /** UDP ports of `address` whose packets conntrack is not to follow. */
  readonly untracked: readonly number[];
};

export type Redirect = { readonly protocol: 'tcp' | 'udp'; readonly port: number; readonly toPort: number };

export type ServicePortRules = {
  /** `default/web:http`, or `default/web` of a port without a name: what its chains and its UDP zone are named after. */
  readonly key: string;
  readonly protocol: 'tcp' | 'udp';
  /** At the cluster IP and at the load balancer's addresses. */
  readonly port: number;
  readonly clusterIp: string;
  /** Addresses outside the cluster that lead here, at `port`. None of them is the server's, a loopback or a link-local one. */
  readonly externalIps: readonly string[];
  /** At every address of the node but loopback. */
  readonly nodePort?: number;
  /** sessionAffinity ClientIP. */
  readonly affinitySeconds?: number;
  /** For connections to the cluster IP. None: refused at once. */
  readonly internal: readonly Backend[];
  /** For connections to the node port and to external addresses. None: refused at once. */
  readonly external: readonly Backend[];
  /**
   * externalTrafficPolicy Local, which is for who comes from outside: what pods and the node itself have at those places, as if they had gone out to a
   * balancer, whatever internalTrafficPolicy says. Others whom `external` does not serve are dropped, so that a balancer looks elsewhere.
   */
  readonly shortcut?: readonly Backend[];
};

export type Backend = { readonly address: string; readonly port: number };
