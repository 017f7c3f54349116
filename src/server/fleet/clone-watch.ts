/**
 * Two machines with one identity (a copied SD card) take each other's connection away, and each would undo what the other reports. Seen
 * from instances that take turns: one that was here, left for another, and came back. Restarts alone never do that.
 */
export const RETURNS_MAX = 3;
export const WINDOW_MS = 60_000;
export const QUARANTINE_MS = 10 * 60_000;
const INSTANCES_MAX = 8;

type History = {
  readonly instances: readonly string[];
  readonly returnsMs: readonly number[];
  readonly quarantinedUntilMs: number;
};

const NOBODY: History = { instances: [], returnsMs: [], quarantinedUntilMs: 0 };

export type CloneVerdict =
  | { readonly type: 'welcome' }
  | { readonly type: 'quarantined'; readonly forMs: number; readonly isNew: boolean };

export class CloneWatch {
  private readonly histories = new Map<string, History>();

  /** Called with each hello. While quarantined, each further turn of the fight makes it longer. */
  hello(node: string, instance: string, nowMs: number): CloneVerdict {
    const before = this.histories.get(node) ?? NOBODY;
    const returned = before.instances.at(-1) !== instance && before.instances.includes(instance);
    const returnsMs = [...before.returnsMs.filter((ms) => nowMs - ms < WINDOW_MS), ...(returned ? [nowMs] : [])];
    const instances = [...before.instances.filter((known) => known !== instance), instance].slice(-INSTANCES_MAX);
    const fighting = returnsMs.length > RETURNS_MAX;
    const wasQuarantined = nowMs < before.quarantinedUntilMs;
    const quarantinedUntilMs = fighting || (wasQuarantined && returned) ? nowMs + QUARANTINE_MS : before.quarantinedUntilMs;
    this.histories.set(node, { instances, returnsMs, quarantinedUntilMs });
    if (nowMs >= quarantinedUntilMs) return { type: 'welcome' };
    return { type: 'quarantined', forMs: quarantinedUntilMs - nowMs, isNew: !wasQuarantined };
  }

  forget(node: string): void {
    this.histories.delete(node);
  }

  isQuarantined(node: string, nowMs: number): boolean {
    return nowMs < (this.histories.get(node)?.quarantinedUntilMs ?? 0);
  }
}
