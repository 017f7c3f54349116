import type { Clock } from '#lib/clock.ts';
import type { Get } from '#api/link/messages.ts';
import type { Current } from './peer.ts';

/**
 * Documents that nodes are to pull, each as it was when its node was told of it, until the node has it: what changes meanwhile comes after it, as a delta. Else a slow line
 * would get nothing as long as something changes. Nodes beyond the bound are answered from what there is now.
 */
export type Pull = { readonly document: Current; readonly blob: (hash: string) => Uint8Array | undefined };

/** Each has an index of up to 3.5 MiB, 0.6 as a rule where there are 1,000 services, and what was replaced since of what others have, too. */
const PULLS_MAX = 16;
/** A node that goes on asks at least every few seconds (agent/link/document-puller.ts). */
const IDLE_MS_MAX = 60_000;

export class Pulls {
  private readonly clock: Pick<Clock, 'monotonic'>;
  private readonly pulls = new Map<string, Pull & { askedMs: number }>();

  constructor(clock: Pick<Clock, 'monotonic'>) {
    this.clock = clock;
  }

  /** If it is not at one already; `make` is asked only if there is room. */
  begin(node: string, make: () => Pull): void {
    const askedMs = this.clock.monotonic();
    if (this.pulls.has(node)) return;
    for (const [other, pull] of this.pulls) if (askedMs - pull.askedMs > IDLE_MS_MAX) this.pulls.delete(other);
    if (this.pulls.size < PULLS_MAX) this.pulls.set(node, { ...make(), askedMs });
  }

  /** What it is pulling, if all that it asks for now is of that. */
  find(node: string, { wants }: Get): Pull | undefined {
    const pull = this.pulls.get(node);
    if (pull === undefined || wants.some(({ hash }) => pull.blob(hash) === undefined)) return undefined;
    pull.askedMs = this.clock.monotonic();
    return pull;
  }

  /** It has a document: the one that it was pulling, if it is that. */
  done(node: string, digest: string): Current | undefined {
    const document = this.pulls.get(node)?.document;
    if (document?.digest !== digest) return undefined;
    this.pulls.delete(node);
    return document;
  }

  end(node: string): void {
    this.pulls.delete(node);
  }
}
