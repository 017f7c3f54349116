import type { Log } from '#lib/log.ts';
import type { Statement } from '#api/link/statement.ts';
import type { Receipts } from './receipts.ts';

/**
 * Finds out, from what nodes prove to hold, that this database lost something: then it becomes a new, unconfirmed incarnation, under which
 * nodes remove nothing until an operator confirms it. Only statements signed by the cluster's own key count as proof.
 */
export type Incarnation = {
  readonly id: string;
  readonly confirmed: boolean;
  /** The revision it began with. */
  readonly since: number;
};

export type GuardOptions = {
  readonly incarnation: () => Incarnation;
  readonly newIncarnation: () => Promise<unknown>;
  readonly receipts: Receipts;
  readonly log: Log;
};

export class IncarnationGuard {
  private readonly options: GuardOptions;
  private turn: Promise<void> = Promise.resolve();

  constructor(options: GuardOptions) {
    this.options = options;
  }

  /** True if there is a new incarnation because of it. One at a time, so that a fleet that comes back makes one and not thousands. */
  async check(node: string, held: Statement): Promise<boolean> {
    const before = this.turn;
    let finish: () => void = () => undefined;
    this.turn = new Promise((resolve) => {
      finish = resolve;
    });
    await before;
    try {
      return await this.checkAlone(node, held);
    } finally {
      finish();
    }
  }

  private async checkAlone(node: string, held: Statement): Promise<boolean> {
    const { incarnation, newIncarnation, receipts, log } = this.options;
    const current = incarnation();
    await receipts.learn(current.id);
    const why = await this.objection(node, held, current);
    if (why === undefined) return false;
    // Also where this one is not confirmed, and so removes nothing: the node may have left it for the one it holds, and never goes back.
    await newIncarnation();
    await receipts.learn(held.incarnation);
    await receipts.learn(incarnation().id);
    log.error(
      { node, why, held: { incarnation: held.incarnation, rev: held.rev }, before: current.id, now: incarnation().id },
      'this database is older than what a node has seen: nodes remove nothing until it is confirmed (skerry confirm)',
    );
    return true;
  }

  private async objection(node: string, held: Statement, current: Incarnation): Promise<string | undefined> {
    const { receipts } = this.options;
    if (held.incarnation !== current.id) {
      // Of a database that this one took the place of: whoever confirms this one speaks of that, too.
      const isOlder = held.rev < current.since;
      return isOlder || (await receipts.knows(held.incarnation))
        ? undefined
        : 'the node holds a document of an incarnation unknown here';
    }
    const { mark } = await receipts.of(node);
    if (mark === undefined || mark.incarnation !== current.id) return 'the node holds a document that was never sent from here';
    if (held.rev > mark.rev) return 'the node holds a later document than was ever sent from here';
    if (held.rev === mark.rev && held.digest !== mark.digest) return 'the node holds another document of the same revision';
    return undefined;
  }
}
