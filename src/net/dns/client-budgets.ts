import type { Clock } from '#lib/clock.ts';

/**
 * What the questions of each client may cost, so that one that floods takes neither the node's other names nor its agent's time: what is over that is not
 * answered. Answers that are known whole cost nothing, and are not asked for here.
 */
export type ClientBudgets = {
  /** False: the client has spent what it has. */
  readonly spend: (client: string, cost: number) => boolean;
  /** Who was refused most since this was asked last. */
  readonly overdrawn: () => Overdrawn | undefined;
};

export type Overdrawn = { readonly client: string; readonly refused: number };

/** Each second; what is not spent is kept for two. */
export const BUDGET_PER_SECOND = 10_000;
const BUDGET_MAX = 2 * BUDGET_PER_SECOND;
/** A look into our own names. */
export const OWN_COST = 1;
/** A socket, a question to another server and its answer. */
export const FORWARD_COST = 10;
/** A node has 126 pods at most. More are forged. */
const CLIENTS_MAX = 1_024;

type Budget = { left: number; atMs: number; refused: number };

export function createClientBudgets(clock: Pick<Clock, 'monotonic'>): ClientBudgets {
  const budgets = new Map<string, Budget>();
  const budgetOf = (client: string, nowMs: number): Budget => {
    const known = budgets.get(client);
    if (known !== undefined) return known;
    if (budgets.size >= CLIENTS_MAX) budgets.clear();
    const made = { left: BUDGET_MAX, atMs: nowMs, refused: 0 };
    budgets.set(client, made);
    return made;
  };
  return {
    spend: (client, cost) => {
      const nowMs = clock.monotonic();
      const budget = budgetOf(client, nowMs);
      budget.left = Math.min(BUDGET_MAX, budget.left + ((nowMs - budget.atMs) * BUDGET_PER_SECOND) / 1_000);
      budget.atMs = nowMs;
      if (budget.left < cost) {
        budget.refused += 1;
        return false;
      }
      budget.left -= cost;
      return true;
    },
    overdrawn: () => {
      let most: Overdrawn | undefined;
      for (const [client, budget] of budgets) {
        if (budget.refused > (most?.refused ?? 0)) most = { client, refused: budget.refused };
        budget.refused = 0;
      }
      return most;
    },
  };
}
