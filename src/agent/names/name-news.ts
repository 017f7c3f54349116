import { DNS_ADDRESS } from '#net/dns/address.ts';
import { BUDGET_PER_SECOND, FORWARD_COST, type Overdrawn } from '#net/dns/client-budgets.ts';
import type { ResolverHealth } from '#net/dns/upstreams.ts';
import { createNodeTrouble, type NodeTroubleOptions, type Trouble } from '../node-trouble.ts';

/** What log and events hear of the node's name server: what is wrong for longer than a moment, with what to do about it, and that it is well again. */
export type NameNews = {
  readonly resolvers: (health: ResolverHealth) => void;
  /** Why it does not listen; undefined: it does. */
  readonly listening: (why: string | undefined) => void;
  /** Who asks more than is answered; undefined: nobody. */
  readonly overdrawn: (who: Overdrawn | undefined) => void;
  /** Whom the node's files name. */
  readonly asked: (nameservers: readonly string[]) => void;
  readonly stop: () => void;
};

const NAMES = { wrong: 'names are not resolved as they should be', right: 'names are resolved again' };

export function createNameNews(options: NodeTroubleOptions): NameNews {
  let nameservers: readonly string[] = [];
  const resolvers = createNodeTrouble(options, { ...NAMES, healed: 'ResolverReady' });
  const listener = createNodeTrouble(options, { ...NAMES, healed: 'NameServerReady' });
  const flood = createNodeTrouble(options, { ...NAMES, healed: 'NameQueriesAnswered' });

  return {
    resolvers: (health) => {
      const whom = nameservers.length === 0 ? 'none' : nameservers.join(', ');
      const trouble = troubleOf(health, whom);
      if (trouble === undefined) resolvers.well(`The node's name servers (${whom}) answer again`);
      else resolvers.trouble(trouble);
    },
    listening: (why) => {
      if (why === undefined) listener.well('The node answers questions for names again');
      else
        listener.trouble({
          reason: 'NameServerFailed',
          message: `Pods on this node can not resolve names: ${why}. Another program that has the port is found with: ss -lnp '( sport = :53 or sport = :10053 )'`,
        });
    },
    overdrawn: (who) => {
      if (who === undefined) flood.well('Nobody asks the node for more names than it answers any more');
      else
        flood.trouble({
          reason: 'NameQueriesDropped',
          message: `${who.client} asks this node for more names than one client is answered (${BUDGET_PER_SECOND} a second, ${BUDGET_PER_SECOND / FORWARD_COST} of them that other name servers are asked for): ${who.refused} of its questions of the last seconds were dropped. Which pod that is: kubectl get pods -A -o wide`,
        });
    },
    asked: (addresses) => {
      nameservers = addresses;
    },
    stop: () => {
      resolvers.stop();
      listener.stop();
      flood.stop();
    },
  };
}

function troubleOf(health: ResolverHealth, whom: string): Trouble | undefined {
  switch (health.state) {
    case 'up':
      return undefined;
    case 'none':
      return {
        reason: 'ResolverMissing',
        message: `/etc/resolv.conf of this node names no name server that can be asked (${whom}): pods resolve names of the cluster only. Name one there`,
      };
    case 'silent':
      return {
        reason: 'ResolverUnreachable',
        message: `None of the node's name servers (${whom}) answers: ${health.why}. Names of the cluster and names asked for lately go on being resolved, others fail at once. See that the network is up, or name another in /etc/resolv.conf`,
      };
    case 'looping':
      return {
        reason: 'ResolverLoop',
        message: `The node's name servers (${whom}) ask ${DNS_ADDRESS}, this node's own, which would ask them again: they are not asked. Take ${DNS_ADDRESS} out of their configuration`,
      };
  }
}
