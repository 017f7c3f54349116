import type { Report } from '#api/link/reports.ts';
import { cutText } from '#lib/cut-text.ts';
import type { Clock } from '#lib/clock.ts';
import type { Log } from '#lib/log.ts';
import { rfc3339 } from '#lib/time.ts';
import { DNS_ADDRESS } from '#net/dns/address.ts';
import type { ResolverHealth } from '#net/dns/upstreams.ts';
import type { Ledger } from '../ledger/ledger.ts';

/** What log and events hear of the node's name server: what is wrong for longer than a moment, with what to do about it, and that it is well again. */
export type NameNews = {
  readonly resolvers: (health: ResolverHealth) => void;
  /** Why it does not listen; undefined: it does. */
  readonly listening: (why: string | undefined) => void;
  /** Whom the node's files name. */
  readonly asked: (nameservers: readonly string[]) => void;
  readonly stop: () => void;
};

export type NameNewsOptions = {
  readonly node: string;
  readonly ledger: Pick<Ledger, 'commit'>;
  readonly clock: Clock;
  readonly log: Log;
};

/** A cable that is pulled and put back is no news. */
export const TELL_AFTER_MS = 10_000;
const MESSAGE_BYTES_MAX = 1_024;

type Trouble = { readonly reason: string; readonly message: string };
type Told = { readonly trouble: (trouble: Trouble) => void; readonly well: (message: string) => void; readonly stop: () => void };

export function createNameNews({ node, ledger, clock, log }: NameNewsOptions): NameNews {
  let nameservers: readonly string[] = [];

  const tell = (type: 'Normal' | 'Warning', reason: string, message: string) => {
    const involved = { kind: 'Node', name: node, uid: node };
    const body = { involved, type, reason, message: cutText(message, MESSAGE_BYTES_MAX), time: rfc3339(clock.now()), count: 1 };
    const report: Report = { class: 'event', body };
    ledger
      .commit([], [report])
      .catch((error: unknown) => log.warn({ err: error, reason }, 'an event of the name server is lost'));
  };

  const subject = (healed: string): Told => {
    let waiting: { readonly trouble: Trouble; readonly cancel: () => void } | undefined;
    let told: Trouble | undefined;
    return {
      trouble: (trouble) => {
        if (waiting?.trouble.reason === trouble.reason) return;
        waiting?.cancel();
        waiting = undefined;
        if (told?.reason === trouble.reason) return;
        const cancel = clock.timer(TELL_AFTER_MS, () => {
          waiting = undefined;
          told = trouble;
          log.warn({ why: trouble.message }, 'names are not resolved as they should be');
          tell('Warning', trouble.reason, trouble.message);
        });
        waiting = { trouble, cancel };
      },
      well: (message) => {
        waiting?.cancel();
        waiting = undefined;
        if (told === undefined) return;
        told = undefined;
        log.info({}, 'names are resolved again');
        tell('Normal', healed, message);
      },
      stop: () => waiting?.cancel(),
    };
  };

  const resolvers = subject('ResolverReady');
  const listener = subject('NameServerReady');

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
    asked: (addresses) => {
      nameservers = addresses;
    },
    stop: () => {
      resolvers.stop();
      listener.stop();
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
