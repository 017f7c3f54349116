import type { Ids } from '#lib/ids.ts';
import type { Meta } from './database.ts';

/** Names the life of a database: under one they do not know, agents remove nothing until an operator has confirmed it. */
export type Incarnation = { readonly id: string; readonly confirmed: boolean };

export type Incarnations = {
  readonly current: () => Incarnation;
  /** This database was found behind what an agent has seen: it counts as another one, unconfirmed. */
  readonly renew: () => Promise<Incarnation>;
  /** An operator says that this database is the right one. */
  readonly confirm: () => Promise<Incarnation>;
};

/** `remember` makes it durable; only then is it current. */
export function createIncarnations(
  first: Incarnation,
  remember: (meta: Meta) => Promise<void>,
  ids: Pick<Ids, 'uuid'>,
): Incarnations {
  let current = first;
  // The last one asked for; not yet durable, perhaps.
  let next = first;
  const become = async (incarnation: Incarnation) => {
    next = incarnation;
    try {
      await remember(incarnationMeta(incarnation));
    } catch (error) {
      next = current;
      throw error;
    }
    current = incarnation;
    return current;
  };
  return {
    current: () => current,
    renew: () => become({ id: ids.uuid(), confirmed: false }),
    confirm: () => become({ id: next.id, confirmed: true }),
  };
}

export function incarnationMeta({ id, confirmed }: Incarnation): Meta {
  return { incarnation: id, confirmed: confirmed ? 'yes' : 'no' };
}
