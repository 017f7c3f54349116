import type { Log } from '#lib/log.ts';
import type { Entry, Storage, Watch } from '#rest/storage.ts';
import type { View } from '../view.ts';
import { concernedNodes } from './concerned.ts';
import type { ReferenceIndex } from './reference-index.ts';
import type { SharedItems } from './shared/shared-items.ts';

/** Follows the store for the documents: brings what they share up to date, and says whose document a commit concerns. */
export type DocumentWatchOptions = {
  readonly storage: Storage;
  readonly view: () => View;
  readonly shared: SharedItems;
  readonly references: ReferenceIndex;
  /** This node's document may be out of date, in this. */
  readonly outdated: (node: string, what: Outdated) => void;
  readonly allOutdated: (what: Outdated) => void;
  /** After everything of one commit. */
  readonly nodeWritten: (node: string) => void;
  /** The watch has ended: to be started again. */
  readonly ended: () => void;
  readonly log: Log;
};

export type Outdated = 'own' | 'shared';

export class DocumentWatch {
  private readonly options: DocumentWatchOptions;
  private watch: Watch | undefined;
  private leftOut = 0;

  constructor(options: DocumentWatchOptions) {
    this.options = options;
  }

  /** Does nothing while it is under way. */
  start(): void {
    if (this.watch !== undefined) return;
    const { storage, shared, view, allOutdated, ended } = this.options;
    this.watch = storage.watch(storage.revision(), {
      batch: (entries) => entries.forEach((entry) => this.take(entry)),
      ended: () => {
        this.watch = undefined;
        ended();
      },
    });
    // What was written before the watch began.
    shared.reset(view());
    this.tellLeftOut();
    allOutdated('own');
  }

  stop(): void {
    this.watch?.stop();
  }

  /** What is kept here has everything that the view has: two documents of one revision must never differ. */
  isCaughtUp(): boolean {
    return this.watch !== undefined && this.watch.seen() >= this.options.view().revision;
  }

  private take(entry: Entry): void {
    const { shared, references, outdated, allOutdated, nodeWritten } = this.options;
    const concerned = shared.take(entry);
    this.tellLeftOut();
    if (concerned === 'all') allOutdated('shared');
    else for (const node of concerned) outdated(node, 'shared');
    for (const node of concernedNodes(entry, (reference) => references.nodes(reference))) outdated(node, 'own');
    if (entry.key.resource === 'nodes') nodeWritten(entry.key.name);
  }

  private tellLeftOut(): void {
    const { leftOut } = this.options.shared;
    if (leftOut > 0 && this.leftOut === 0)
      this.options.log.error({}, 'services and endpoints are larger or more than nodes can be told: some are left out');
    this.leftOut = leftOut;
  }
}
