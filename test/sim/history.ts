import type { Pod } from '../../src/api/kinds/pod.ts';
import type { KubeObject } from '../../src/api/object.ts';
import { keyText, type Entry, type Key } from '../../src/rest/storage.ts';
import type { Store } from '../../src/server/store/store.ts';
import { Revisions } from './revisions.ts';

/**
 * What really happened, told apart from what any part believes: which writes were acknowledged, which pods a database that counts has let go
 * or knows to have ended. A backup takes its past with it; an operator who restores one chooses that past.
 */
export type Deed = {
  /** Rises with every write of the client. */
  readonly seq: number;
  /** The last write was a deletion of this uid. */
  readonly deletedUid?: string;
};

type Promised = Deed & { readonly key: Key };

export type Past = { readonly acknowledged: ReadonlyMap<string, Promised> };

export const SEQ = 'sim.skerry.dev/seq';

export type HistoryOptions = {
  readonly violated: (what: string) => void;
  /** Told of every commit that a watcher sees. */
  readonly committed: (entry: Entry) => void;
};

export class History {
  readonly #options: HistoryOptions;
  /** By key; what the client has been promised. */
  #acknowledged = new Map<string, Promised>();
  /** The last deletion the client tried, which may have happened: its seq. */
  readonly #deletions = new Map<string, number>();
  #revisions: Revisions;
  /** The newest database, and whether it is one that counts. */
  #present: { readonly view: Store['view']; counts: boolean } | undefined;
  readonly #released = new Set<string>();
  /** Released by a database that nobody has confirmed yet. */
  #provisional = new Set<string>();
  /** `<uid> <node>`: a restored backup may have the pod run elsewhere. */
  readonly #ended = new Set<string>();

  constructor(options: HistoryOptions) {
    this.#options = options;
    this.#revisions = new Revisions(options.violated);
  }

  tried(key: Key, deed: Deed): void {
    if (deed.deletedUid !== undefined) this.#deletions.set(keyText(key), deed.seq);
  }

  acknowledged(key: Key, deed: Deed, object: KubeObject | undefined): void {
    const text = keyText(key);
    if (deed.seq > (this.#acknowledged.get(text)?.seq ?? 0)) this.#acknowledged.set(text, { ...deed, key });
    const revision = Number(object?.metadata.resourceVersion ?? 0);
    if (revision > 0) this.#revisions.acknowledged(revision, text);
  }

  past(): Past {
    return { acknowledged: new Map(this.#acknowledged) };
  }

  /** The operator has put this past in place of the present. */
  restored(past: Past): void {
    this.#acknowledged = new Map(past.acknowledged);
    this.#revisions = new Revisions(this.#options.violated);
  }

  /** A server has opened its database. */
  opened({ view, incarnation, storage }: Pick<Store, 'view' | 'incarnation' | 'storage'>): void {
    const present = { view, counts: incarnation().confirmed };
    this.#present = present;
    this.#provisional = new Set();
    this.#revisions.opened(storage.revision());
    for (const pod of view().list('pods')) this.#note(pod, undefined);
    const batch = (entries: readonly Entry[]) => {
      if (this.#present === present) for (const entry of entries) this.#take(entry);
    };
    const watch = () =>
      storage.watch(storage.revision(), { batch, ended: () => (this.#present === present ? watch() : undefined) });
    watch();
    this.#checkPromises(view());
  }

  /** Its process is dead: what a watcher was not told, nobody was. */
  closed(): void {
    this.#present = undefined;
  }

  /** An operator has said that the present database counts. */
  confirmed(): void {
    for (const uid of this.#provisional) this.#released.add(uid);
    if (this.#present !== undefined) this.#present.counts = true;
  }

  /** A database that counts has deleted this pod, does not know it, or has bound it elsewhere. */
  isReleased(uid: string, node: string): boolean {
    if (this.#present?.counts === true) {
      // Sound: pods are stored there.
      const pod = this.#present
        .view()
        .list('pods')
        .find(({ metadata }) => metadata.uid === uid) as Pod | undefined;
      if (pod?.metadata.deletionTimestamp !== undefined || pod?.spec?.nodeName !== node) this.#released.add(uid);
    }
    return this.#released.has(uid);
  }

  /** The server was told that this pod has run to its end there. */
  hasEnded(uid: string, node: string): boolean {
    return this.#ended.has(`${uid} ${node}`);
  }

  #take(entry: Entry): void {
    this.#options.committed(entry);
    this.#revisions.committed(entry);
    const { key, before, after } = entry;
    if (key.resource === 'pods') {
      const isGone = after === undefined || after.metadata.deletionTimestamp !== undefined;
      if (isGone)
        (this.#present?.counts === true ? this.#released : this.#provisional).add((after ?? before)?.metadata.uid ?? '');
      if (after !== undefined) this.#note(after, before);
    }
    if (this.#acknowledged.has(keyText(key)) && this.#present !== undefined) this.#checkPromises(this.#present.view());
  }

  #note(pod: KubeObject, before: KubeObject | undefined): void {
    const { uid = '', name } = pod.metadata;
    const [phase, phaseBefore] = [phaseOf(pod), before === undefined ? '' : phaseOf(before)];
    if (isFinal(phaseBefore) && before?.metadata.uid === uid && phase !== phaseBefore)
      this.#options.violated(`ended: pod ${name} was ${phaseBefore} and is ${phase}`);
    // Sound: pods are stored there.
    if (isFinal(phase)) this.#ended.add(`${uid} ${(pod as Pod).spec?.nodeName ?? ''}`);
  }

  #checkPromises(view: ReturnType<Store['view']>): void {
    for (const [text, promised] of this.#acknowledged) {
      const { resource, namespace, name } = promised.key;
      const found = view.get(resource, namespace, name);
      const seq = Number(found?.metadata.annotations?.[SEQ] ?? 0);
      if (promised.deletedUid === undefined) {
        const deletedSince = (this.#deletions.get(text) ?? 0) > promised.seq;
        if (seq < promised.seq && !(found === undefined && deletedSince))
          this.#options.violated(
            `lost: ${text} was acknowledged as write ${promised.seq}, and the store has ${found === undefined ? 'nothing' : seq}`,
          );
      } else if (found?.metadata.uid === promised.deletedUid && found.metadata.deletionTimestamp === undefined)
        this.#options.violated(`lost: the deletion ${promised.seq} of ${text} was acknowledged, and it stands`);
    }
  }
}

function phaseOf(object: KubeObject): string {
  // Sound: pods are stored there.
  return (object as Pod).status?.phase ?? '';
}

function isFinal(phase: string): boolean {
  return phase === 'Succeeded' || phase === 'Failed';
}
