import type { Binding } from '#api/kinds/rbac/bindings.ts';
import type { ClusterRole } from '#api/kinds/rbac/cluster-role.ts';
import { accountUser } from '#api/kinds/service-account.ts';
import type { Role } from '#api/kinds/rbac/role.ts';
import type { PolicyRule } from '#api/kinds/rbac/rules.ts';
import type { KubeObject } from '#api/object.ts';
import type { User } from '#rest/request.ts';
import type { View } from '../../view.ts';
import { CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, ROLE_BINDINGS, ROLES } from './resources.ts';

/**
 * Which rules a user holds, cluster-wide and in one namespace: bindings by their subjects, and what was found out for each user. It is always that
 * of the view: a list of a kind is the same value as long as nothing of it has changed, so to look whether anything has costs four
 * comparisons, and only the bindings that have changed are looked at. It decides nothing.
 */
export type Grant =
  | { readonly rules: readonly PolicyRule[]; /** For people: by what it is given. */ readonly source: string }
  | { readonly missing: string };

/** Users, and namespaces of each, that are remembered; who was asked after first is forgotten first. */
const USERS_MAX = 4_096;
const NAMESPACES_MAX = 256;
/** Reviews ask after whatever they like: longer names are not remembered. */
const USER_CHARACTERS_MAX = 1_024;
const NAMESPACE_CHARACTERS_MAX = 63;

type Held = { readonly everywhere: readonly Grant[]; readonly inside: Map<string, readonly Grant[]> };

type List = readonly KubeObject[];

export class Grants {
  readonly #view: () => View;
  /** By namespace (none: cluster-wide) and subject: the bindings and which of their subjects it is. */
  readonly #bySubject = new Map<string, Map<Binding, number>>();
  readonly #users = new Map<string, Held>();
  /** The same by value: who shows a token is the same one at each request. */
  #seen = new WeakMap<User, Held>();
  #bindings: List = [];
  #clusterBindings: List = [];
  #roles: List = [];
  #clusterRoles: List = [];

  constructor(view: () => View) {
    this.#view = view;
  }

  /** Cluster-wide ones first; of a namespace only if one is named. */
  of(user: User, namespace: string): readonly Grant[] {
    const view = this.#view();
    this.#follow(view);
    const held = this.#heldBy(user, view);
    if (namespace === '') return held.everywhere;
    const known = held.inside.get(namespace);
    if (known !== undefined) return known;
    const inside = [...held.everywhere, ...this.#grantsOf(user, namespace, view)];
    if (namespace.length > NAMESPACE_CHARACTERS_MAX) return inside;
    if (held.inside.size >= NAMESPACES_MAX) held.inside.clear();
    held.inside.set(namespace, inside);
    return inside;
  }

  #heldBy(user: User, view: View): Held {
    const seen = this.#seen.get(user);
    if (seen !== undefined) return seen;
    const held = this.#heldByName(user, view);
    this.#seen.set(user, held);
    return held;
  }

  #heldByName(user: User, view: View): Held {
    // Reviews ask about names of any characters, so no character may part them.
    const key = JSON.stringify([user.name, ...user.groups]);
    const known = this.#users.get(key);
    if (known !== undefined) return known;
    const made = { everywhere: this.#grantsOf(user, '', view), inside: new Map() };
    if (key.length > USER_CHARACTERS_MAX) return made;
    const [oldest] = this.#users.keys();
    if (oldest !== undefined && this.#users.size >= USERS_MAX) this.#users.delete(oldest);
    this.#users.set(key, made);
    return made;
  }

  #grantsOf(user: User, namespace: string, view: View): readonly Grant[] {
    const found = new Map<Binding, number>();
    for (const key of [userKey(namespace, user.name), ...user.groups.map((group) => groupKey(namespace, group))]) {
      for (const [binding, index] of this.#bySubject.get(key) ?? [])
        found.set(binding, Math.min(index, found.get(binding) ?? index));
    }
    return [...found]
      .toSorted(([a], [b]) => ((a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1))
      .map(([binding, index]) => grantOf(binding, index, view));
  }

  #follow(view: View): void {
    const bindings = view.list(ROLE_BINDINGS);
    const clusterBindings = view.list(CLUSTER_ROLE_BINDINGS);
    const roles = view.list(ROLES);
    const clusterRoles = view.list(CLUSTER_ROLES);
    if (
      isSame(bindings, this.#bindings) &&
      isSame(clusterBindings, this.#clusterBindings) &&
      isSame(roles, this.#roles) &&
      isSame(clusterRoles, this.#clusterRoles)
    )
      return;
    this.#users.clear();
    this.#seen = new WeakMap();
    this.#exchange(this.#bindings, bindings);
    this.#exchange(this.#clusterBindings, clusterBindings);
    this.#bindings = bindings;
    this.#clusterBindings = clusterBindings;
    this.#roles = roles;
    this.#clusterRoles = clusterRoles;
  }

  #exchange(before: List, after: List): void {
    if (isSame(before, after)) return;
    const { gone, come } = differences(before, after);
    // Sound: the store keeps under these resources only bindings.
    for (const binding of gone as readonly Binding[]) this.#forget(binding);
    for (const binding of come as readonly Binding[]) this.#learn(binding);
  }

  #learn(binding: Binding): void {
    for (const [index, key] of subjectKeys(binding).entries()) {
      if (key === undefined) continue;
      let entry = this.#bySubject.get(key);
      if (entry === undefined) this.#bySubject.set(key, (entry = new Map()));
      if (!entry.has(binding)) entry.set(binding, index);
    }
  }

  #forget(binding: Binding): void {
    for (const key of subjectKeys(binding)) {
      const entry = key === undefined ? undefined : this.#bySubject.get(key);
      if (key === undefined || entry === undefined) continue;
      entry.delete(binding);
      if (entry.size === 0) this.#bySubject.delete(key);
    }
  }
}

/** The rules of the role that a binding in this namespace would give; undefined if there is no such role. */
export function rulesOfRole(roleRef: Binding['roleRef'], namespace: string, view: View): readonly PolicyRule[] | undefined {
  const isCluster = roleRef.kind === 'ClusterRole';
  // Sound: the store keeps under these resources only roles.
  const role = view.get(isCluster ? CLUSTER_ROLES : ROLES, isCluster ? '' : namespace, roleRef.name) as
    | Role
    | ClusterRole
    | undefined;
  return role === undefined ? undefined : (role.rules ?? []);
}

function grantOf(binding: Binding, index: number, view: View): Grant {
  const { roleRef, metadata, subjects } = binding;
  const { namespace = '', name = '' } = metadata;
  const rules = rulesOfRole(roleRef, namespace, view);
  if (rules === undefined)
    return { missing: `${roleRef.kind.toLowerCase()}.rbac.authorization.k8s.io ${JSON.stringify(roleRef.name)} not found` };
  const subject = subjects?.[index];
  const who = subject?.kind === 'ServiceAccount' ? `${subject.name}/${subject.namespace ?? namespace}` : (subject?.name ?? '');
  const by =
    namespace === '' ? `ClusterRoleBinding ${JSON.stringify(name)}` : `RoleBinding ${JSON.stringify(`${name}/${namespace}`)}`;
  return {
    rules,
    source: `${by} of ${roleRef.kind} ${JSON.stringify(roleRef.name)} to ${subject?.kind ?? ''} ${JSON.stringify(who)}`,
  };
}

const userKey = (namespace: string, name: string): string => JSON.stringify([namespace, 'User', name]);
const groupKey = (namespace: string, name: string): string => JSON.stringify([namespace, 'Group', name]);

/** One for each subject; none for one that can be nobody. */
function subjectKeys({ metadata, subjects = [] }: Binding): readonly (string | undefined)[] {
  const { namespace = '' } = metadata;
  return subjects.map((subject) => {
    switch (subject.kind) {
      case 'User':
        return userKey(namespace, subject.name);
      case 'Group':
        return groupKey(namespace, subject.name);
      case 'ServiceAccount': {
        // In a namespace's binding an account without one is of the same.
        const own = (subject.namespace ?? '') === '' ? namespace : (subject.namespace ?? '');
        return own === '' ? undefined : userKey(namespace, accountUser({ namespace: own, name: subject.name }));
      }
      default:
        return undefined;
    }
  });
}

/** The view gives a new empty list each time. */
function isSame(a: List, b: List): boolean {
  return a === b || (a.length === 0 && b.length === 0);
}

/** What has not changed is the same value in both lists, which are in one order: mostly all but one in the middle. */
function differences(before: List, after: List): { readonly gone: List; readonly come: List } {
  const shared = Math.min(before.length, after.length);
  let start = 0;
  while (start < shared && before[start] === after[start]) start += 1;
  let end = 0;
  while (end < shared - start && before.at(-1 - end) === after.at(-1 - end)) end += 1;
  const kept = new Set(before.slice(start, before.length - end));
  const come = after.slice(start, after.length - end).filter((object) => !kept.delete(object));
  return { gone: [...kept], come };
}
