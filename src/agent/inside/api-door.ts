import { explain, hasCode } from '#lib/error.ts';
import type { Ids } from '#lib/ids.ts';
import { createRunner, type Runner } from '#lib/runner.ts';
import { API_ADDRESS, API_PORT } from '#net/splice/api-address.ts';
import { createSpliceListener } from '#net/splice/splice-listener.ts';
import type { Dialer } from '#net/tls/dial.ts';
import { createNodeTrouble, type NodeTroubleOptions } from '../node-trouble.ts';

/**
 * The API for this node's pods: they reach the server by the way that the link takes, through its resolver and whatever lies between. TLS is theirs, end to
 * end. Open while the link is up; while it is not, who connects is refused at once. A link that was cut finds out only after a while: who could not be handed
 * on shuts the door, too, until the server was reached again. That it can not listen (its port is another's) is told as an event of the node.
 */
export type ApiDoor = {
  readonly start: () => void;
  readonly stop: () => Promise<void>;
  /** The link has come up or gone down. */
  readonly look: () => void;
};

export type ApiDoorOptions = NodeTroubleOptions & {
  readonly dialer: Pick<Dialer, 'dialPlain'>;
  readonly isLinkUp: () => boolean;
  /** Of the link: what keeps it through a NAT keeps these. */
  readonly keepaliveMs: number;
  readonly address?: string;
  readonly port?: number;
  readonly ids: Pick<Ids, 'random'>;
};

const KEY = 'api';
const BACKOFF_MS_MAX = 5_000;
const PROBE_MS_MAX = 3_000;
/** How often the log hears of connections that could not be handed on. */
const TOLD_EVERY_MS = 60_000;

export function createApiDoor(options: ApiDoorOptions): ApiDoor {
  const { dialer, isLinkUp, keepaliveMs, address = API_ADDRESS, port = API_PORT, clock, ids } = options;
  const log = options.log.child({ component: 'api-door' });
  const stopping = new AbortController();
  const news = createNodeTrouble(
    { ...options, log },
    { healed: 'ApiForPodsReady', wrong: 'pods can not reach the API', right: 'pods can reach the API again' },
  );
  let toldMs = Number.NEGATIVE_INFINITY;
  let runner: Runner | undefined;
  let isDoubtful = false;
  const failed = (error: unknown) => {
    if (hasCode(error, 'Unreachable')) {
      isDoubtful = true;
      listener.shut();
      runner?.signal(KEY);
    }
    if (clock.monotonic() - toldMs < TOLD_EVERY_MS) return;
    toldMs = clock.monotonic();
    log.warn({ err: error }, 'a connection of a pod to the API could not be handed on');
  };
  const listener = createSpliceListener({ address, port, dial: dialer.dialPlain, keepaliveMs, failed, clock });
  const isWanted = () => isLinkUp() && !stopping.signal.aborted;
  const open = async () => {
    try {
      await listener.open();
    } catch (error) {
      news.trouble({ reason: 'ApiForPodsFailed', message: messageOf(error, port) });
      throw error;
    }
    news.well("Pods on this node can reach the cluster's API again");
  };
  const run = async (): Promise<undefined> => {
    if (isWanted() && isDoubtful) {
      const socket = await dialer.dialPlain(PROBE_MS_MAX, stopping.signal);
      socket.destroy();
      isDoubtful = false;
    }
    if (isWanted()) await open();
    // It may have gone meanwhile.
    if (!isWanted()) listener.close();
  };
  return {
    start: () => {
      runner ??= createRunner(
        {
          name: KEY,
          run,
          keys: () => [KEY],
          backoffMsMax: BACKOFF_MS_MAX,
          isOrdinary: (error) => hasCode(error, 'Unreachable', 'Aborted'),
          clock,
          ids,
          log,
        },
        stopping.signal,
      );
    },
    stop: async () => {
      stopping.abort();
      news.stop();
      await runner?.done;
      listener.close();
    },
    look: () => {
      if (!isWanted()) listener.close();
      // It has just been reached.
      else isDoubtful = false;
      runner?.signal(KEY);
    },
  };
}

function messageOf(error: unknown, port: number): string {
  return (
    `Pods on this node can not reach the cluster's API (kubernetes.default.svc): ${explain(error)}. ` +
    `Another program that has the port is found with: ss -lntp '( sport = :${port} )'`
  );
}
