import { explain } from '../../src/lib/error.ts';
import type { KubeObject } from '../../src/api/object.ts';
import type { Change } from '../../src/rest/change.ts';
import type { Chance } from './chance.ts';
import { SEQ, type History } from './history.ts';
import type { SimServer } from './sim-server.ts';

/** The one operator of the simulated cluster: writes at random, and remembers in the History what was promised to him. */
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

  /** One write; its end is noted whenever it comes, if it does. */
  act(server: SimServer): void {
    const resource = this.#chance.oneOf([
      'configmaps',
      'deployments.apps',
      'deployments.apps',
      'daemonsets.apps',
      'pods',
    ] as const);
    const name = `${resource.slice(0, 2)}-${this.#chance.between(0, 1)}`;
    const found = server.store.view().get(resource, 'default', name);
    // What is on its way out takes what was written to it with it.
    if (found?.metadata.deletionTimestamp !== undefined) return;
    const key = `${resource}/${name}`;
    // Of two writes under way at once, either may come last.
    const underWay = this.#underWay.get(server) ?? new Set();
    this.#underWay.set(server, underWay);
    if (underWay.has(key)) return;
    underWay.add(key);
    this.#seq += 1;
    const seq = this.#seq;
    const change = found === undefined ? this.#create(resource, name, seq) : this.#change(resource, name, seq, found);
    const deed = { seq, ...(change.verb === 'delete' ? { deletedUid: found?.metadata.uid ?? '' } : {}) };
    this.#history.tried(key, deed);
    this.#tell(`client: ${change.verb} ${key} (write ${seq})`);
    const ended = () => underWay.delete(key);
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

  #create(resource: string, name: string, seq: number): Change {
    return { verb: 'create', resource, object: { ...this.#body(resource, name), metadata: metadata(name, seq) } };
  }

  #change(resource: string, name: string, seq: number, { metadata: { uid } }: KubeObject): Change {
    const target = { resource, namespace: 'default', name, ...(uid === undefined ? {} : { uid }) };
    if (this.#chance.happens(0.2)) return { verb: 'delete', ...target, propagationPolicy: 'Background' };
    const image = { spec: { template: { spec: { containers: [{ name: 'app', image: this.#image() }] } } } };
    const patches: Readonly<Record<string, readonly object[]>> = {
      'deployments.apps': [{ spec: { replicas: this.#chance.between(0, 4) } }, image],
      'daemonsets.apps': [image],
      pods: [{ spec: { containers: [{ name: 'app', image: this.#image() }] } }],
      configmaps: [{ data: { seq: String(seq) } }],
    };
    const patch = { ...this.#chance.oneOf(patches[resource] ?? []), metadata: { annotations: { [SEQ]: String(seq) } } };
    return { verb: 'patch', ...target, patchType: 'strategic', patch };
  }

  #body(resource: string, name: string): Pick<KubeObject, 'apiVersion' | 'kind'> & Record<string, unknown> {
    const selector = { matchLabels: { app: name } };
    const spec = {
      terminationGracePeriodSeconds: 2,
      containers: [{ name: 'app', image: this.#image(), command: ['run', 'for-ever'] }],
    };
    const template = { metadata: { labels: { app: name } }, spec };
    switch (resource) {
      case 'configmaps':
        return { apiVersion: 'v1', kind: 'ConfigMap', data: {} };
      case 'pods':
        return { apiVersion: 'v1', kind: 'Pod', spec };
      case 'daemonsets.apps':
        return { apiVersion: 'apps/v1', kind: 'DaemonSet', spec: { selector, template } };
      default:
        return { apiVersion: 'apps/v1', kind: 'Deployment', spec: { replicas: this.#chance.between(1, 3), selector, template } };
    }
  }

  #image(): string {
    return `app:${this.#chance.between(1, 2)}`;
  }
}

function metadata(name: string, seq: number) {
  return { name, namespace: 'default', annotations: { [SEQ]: String(seq) } };
}
