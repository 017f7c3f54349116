import { CONFIRM_PATH, type ConfirmAnswer } from '#api/confirm.ts';
import { isActive, type Pod } from '#api/kinds/pod.ts';
import type { Answer } from '#rest/request.ts';
import type { Store } from './store/store.ts';
import type { View } from './view.ts';

/** An operator says that this database is the right one, so that nodes remove what it does not name. */
export type ConfirmParts = {
  readonly store: Pick<Store, 'confirm' | 'incarnation' | 'view'>;
  readonly isConnected: (node: string) => boolean;
  /** Tells all nodes. */
  readonly confirmed: () => void;
};

export function confirmPath(parts: ConfirmParts): Readonly<Record<string, () => Promise<Answer>>> {
  return {
    [`POST ${CONFIRM_PATH}`]: async () => {
      const { store } = parts;
      const already = store.incarnation().confirmed;
      const { id } = already ? store.incarnation() : await store.confirm();
      if (!already) parts.confirmed();
      const answer: ConfirmAnswer = { incarnation: id, already, ...counted(store.view(), parts.isConnected) };
      return { type: 'value', status: 200, headers: { 'content-type': 'application/json' }, body: JSON.stringify(answer) };
    },
  };
}

function counted(view: View, isConnected: (node: string) => boolean): Pick<ConfirmAnswer, 'nodes' | 'connected' | 'pods'> {
  const nodes = view.list('nodes').map(({ metadata }) => metadata.name ?? '');
  // Sound: what is kept under the resource `pods` has been decoded as a Pod.
  const pods = nodes.flatMap((node) => view.podsOn(node) as readonly Pod[]).filter(isActive);
  return { nodes: nodes.length, connected: nodes.filter(isConnected).length, pods: pods.length };
}
