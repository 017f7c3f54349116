import type { Pod } from '../../src/api/kinds/pod.ts';
import type { KubeObject } from '../../src/api/object.ts';
import type { Entry } from '../../src/rest/storage.ts';
import type { Store } from '../../src/server/store/store.ts';

/**
 * What really happened, told apart from what any part believes: which writes were acknowledged, and which pods a database that counts has let
 * go. A backup takes its past with it; an operator who restores one chooses that past.
 */
export type Deed = {
  /** Rises with every write of the client. */
  readonly seq: number;
  /** The last write was a deletion of this uid. */
  readonly deletedUid?: string;
};

export type Past = { readonly acknowledged: ReadonlyMap<string, Deed> };

export const SEQ = 'sim.skerry.dev/seq';

export class History {
  /** By `resource/name`; what the client has been promised. */
  #acknowledged = new Map<string, Deed>();
  /** The last deletion the client tried, which may have happened: its seq. */
  readonly #deletions = new Map<string, number>();
  #revisions = new Map<number, string>();
  /** The newest database, and whether it is one that counts. */
  #present: { readonly view: Store['view']; counts: boolean } | undefined;
  readonly #released = new Set<string>();
  /** Released by a database that nobody has confirmed yet. */
  #provisional = new Set<string>();

  tried(key: string, deed: Deed): void {
    if (deed.deletedUid !== undefined) this.#deletions.set(key, deed.seq);
  }

  acknowledged(key: string, deed: Deed, object: KubeObject | undefined): void {
    if (deed.seq > (this.#acknowledged.get(key)?.seq ?? 0)) this.#acknowledged.set(key, deed);
    const revision = Number(object?.metadata.resourceVersion ?? 0);
    const holder = `${key}#${object?.metadata.uid ?? ''}`;
    if (revision > 0) {
      const other = this.#revisions.get(revision);
      if (other !== undefined && other !== holder) throw new Error(`revision ${revision} was given to ${other} and to ${holder}`);
      this.#revisions.set(revision, holder);
    }
  }

  past(): Past {
    return { acknowledged: new Map(this.#acknowledged) };
  }

  /** The operator has put this past in place of the present. */
  restored(past: Past): void {
    this.#acknowledged = new Map(past.acknowledged);
    this.#revisions = new Map();
  }

  /** A server has opened its database. */
  opened({ view, incarnation, storage }: Pick<Store, 'view' | 'incarnation' | 'storage'>): void {
    this.#present = { view, counts: incarnation().confirmed };
    this.#provisional = new Set();
    const present = this.#present;
    const tell = (entries: readonly Entry[]) => {
      for (const { key, before, after } of entries) {
        if (key.resource !== 'pods') continue;
        const isGone = after === undefined || after.metadata.deletionTimestamp !== undefined;
        if (isGone) (present.counts ? this.#released : this.#provisional).add((after ?? before)?.metadata.uid ?? '');
      }
    };
    const watch = () =>
      storage.watch(storage.revision(), { batch: tell, ended: () => (this.#present === present ? watch() : undefined) });
    watch();
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

  /** Throws where a promise is broken. */
  checkPromises(view: ReturnType<Store['view']>): void {
    for (const [key, promised] of this.#acknowledged) {
      const [resource = '', name = ''] = key.split('/');
      const found = view.get(resource, 'default', name);
      const seq = Number(found?.metadata.annotations?.[SEQ] ?? 0);
      if (promised.deletedUid === undefined) {
        const deletedSince = (this.#deletions.get(key) ?? 0) > promised.seq;
        if (seq < promised.seq && !(found === undefined && deletedSince))
          throw new Error(
            `lost: ${key} was acknowledged as write ${promised.seq}, and the store has ${found === undefined ? 'nothing' : seq}`,
          );
      } else if (found?.metadata.uid === promised.deletedUid && found.metadata.deletionTimestamp === undefined)
        throw new Error(`lost: the deletion ${promised.seq} of ${key} was acknowledged, and it stands`);
    }
  }
}
