import { explain } from '../../src/lib/error.ts';
import type { KubeObject } from '../../src/api/object.ts';
import type { Change } from '../../src/rest/change.ts';
import { keyText } from '../../src/rest/storage.ts';
import type { Chance } from './chance.ts';
import { SEQ, type History } from './history.ts';
import type { SimServer } from './sim-server.ts';
import { NAMES, bodyOf, patchOf, type Resource } from './workloads.ts';

/** The one operator of the simulated cluster: writes at random, and remembers in the History what was promised to him. */
const DEEDS = {
  configmaps: 2,
  'deployments.apps': 4,
  'daemonsets.apps': 2,
  pods: 4,
  services: 8,
  /** Of pods that others look after, too. */
  deletePod: 1,
  cordon: 0.3,
} as const;

export class Client {
  readonly #chance: Chance;
  readonly #history: History;
  readonly #tell: (what: string) => void;
  readonly #underWay = new WeakMap<SimServer, Set<string>>();
  #seq = 0;

  constructor(chance: Chance, history: History, tell: (what: string) => void) {
    this.#chance = chance;
    this.#history = history;
    this.#tell = tell;
  }

  act(server: SimServer): void {
    const deed = this.#chance.weighted(DEEDS);
    switch (deed) {
      case 'deletePod':
        return this.#deletePod(server);
      case 'cordon':
        return this.#cordon(server);
      default:
        return this.#write(server, deed);
    }
  }

  /** Puts right what would keep the cluster from its rest. */
  makeRoom(server: SimServer): void {
    for (const { metadata, spec } of server.store.view().list('nodes') as readonly NodeObject[])
      if (spec?.unschedulable === true) this.#setUnschedulable(server, metadata.name ?? '', false);
  }

  /** One write; its end is noted whenever it comes, if it does. */
  #write(server: SimServer, resource: Resource): void {
    const name = `${resource.slice(0, 2)}-${this.#chance.between(0, NAMES - 1)}`;
    const key = { resource, namespace: 'default', name };
    const text = keyText(key);
    const found = server.store.view().get(resource, 'default', name);
    // What is on its way out takes what was written to it with it.
    if (found?.metadata.deletionTimestamp !== undefined) return;
    // Of two writes under way at once, either may come last.
    const underWay = this.#underWay.get(server) ?? new Set();
    this.#underWay.set(server, underWay);
    if (underWay.has(text)) return;
    underWay.add(text);
    this.#seq += 1;
    const seq = this.#seq;
    const change = found === undefined ? this.#create(resource, name, seq) : this.#change(resource, name, seq, found);
    const deed = { seq, ...(change.verb === 'delete' ? { deletedUid: found?.metadata.uid ?? '' } : {}) };
    this.#history.tried(key, deed);
    this.#tell(`client: ${change.verb} ${resource}/${name} (write ${seq})`);
    const ended = () => underWay.delete(text);
    server.change(change).then(
      (object) => {
        ended();
        this.#tell(`client: write ${seq} acknowledged`);
        this.#history.acknowledged(key, deed, object);
      },
      (error: unknown) => {
        ended();
        this.#tell(`client: write ${seq} refused: ${explain(error)}`);
      },
    );
  }

  #create(resource: Resource, name: string, seq: number): Change {
    const body = bodyOf(resource, name, this.#chance);
    const metadata = { ...body.metadata, name, namespace: 'default', annotations: { [SEQ]: String(seq) } };
    return { verb: 'create', resource, object: { ...body, metadata } };
  }

  #change(resource: Resource, name: string, seq: number, { metadata: { uid } }: KubeObject): Change {
    const target = { resource, namespace: 'default', name, ...(uid === undefined ? {} : { uid }) };
    if (this.#chance.happens(0.2)) return { verb: 'delete', ...target, ...this.#manner(resource) };
    const patch = { ...patchOf(resource, seq, this.#chance), metadata: { annotations: { [SEQ]: String(seq) } } };
    return { verb: 'patch', ...target, patchType: 'strategic', patch };
  }

  /** How it is deleted. */
  #manner(resource: Resource): Pick<Extract<Change, { verb: 'delete' }>, 'propagationPolicy' | 'gracePeriodSeconds'> {
    if (resource === 'pods' && this.#chance.happens(0.2)) return { gracePeriodSeconds: 0 };
    return { propagationPolicy: this.#chance.weighted({ Background: 4, Foreground: 1, Orphan: 1 }) };
  }

  #deletePod(server: SimServer): void {
    const pods = server.store.view().list('pods');
    // Those of the client's own names are told apart by their writes.
    const others = pods.filter(({ metadata }) => metadata.annotations?.[SEQ] === undefined);
    if (others.length === 0) return;
    const { name = '', uid = '' } = this.#chance.oneOf(others).metadata;
    const forced = this.#chance.happens(0.3) ? { gracePeriodSeconds: 0 } : {};
    this.#ask(server, `delete pod ${name}${forced.gracePeriodSeconds === 0 ? ' by force' : ''}`, {
      verb: 'delete',
      resource: 'pods',
      namespace: 'default',
      name,
      uid,
      ...forced,
    });
  }

  #cordon(server: SimServer): void {
    const nodes = server.store.view().list('nodes') as readonly NodeObject[];
    if (nodes.length === 0) return;
    const { metadata, spec } = this.#chance.oneOf(nodes);
    this.#setUnschedulable(server, metadata.name ?? '', spec?.unschedulable !== true);
  }

  #setUnschedulable(server: SimServer, name: string, unschedulable: boolean): void {
    const patch = { spec: { unschedulable } };
    this.#ask(server, `${unschedulable ? 'cordon' : 'uncordon'} ${name}`, {
      verb: 'patch',
      resource: 'nodes',
      namespace: '',
      name,
      patchType: 'merge',
      patch,
    });
  }

  /** Nothing is promised of it. */
  #ask(server: SimServer, what: string, change: Change): void {
    this.#tell(`client: ${what}`);
    server.change(change).catch((error: unknown) => this.#tell(`client: could not ${what}: ${explain(error)}`));
  }
}

/** Sound where nodes are stored. */
type NodeObject = KubeObject & { readonly spec?: { readonly unschedulable?: boolean } };
