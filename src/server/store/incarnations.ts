import type { Ids } from '#lib/ids.ts';
import type { Meta } from './database.ts';

/** Names the life of a database: under one they do not know, agents remove nothing until an operator has confirmed it. */
export type Incarnation = {
  readonly id: string;
  readonly confirmed: boolean;
  /** The revision it began with: what is below it was given before it, in this database or in one that it took the place of. */
  readonly since: number;
};

export type Incarnations = {
  readonly current: () => Incarnation;
  /** This database was found behind what an agent has seen: it counts as another one, unconfirmed. */
  readonly renew: () => Promise<Incarnation>;
  /** An operator says that this database is the right one. */
  readonly confirm: () => Promise<Incarnation>;
};

/** What the incarnations ask of the store. */
export type IncarnationParts = {
  /** Makes it durable; only then is it current. */
  readonly remember: (meta: Meta) => Promise<void>;
  /** Goes on far above every revision that may ever have been given; what has to be remembered of that. */
  readonly leap: () => Meta & { readonly since: number };
  readonly ids: Pick<Ids, 'uuid'>;
};

export function createIncarnations(first: Incarnation, { remember, leap, ids }: IncarnationParts): Incarnations {
  let current = first;
  // The last one asked for; not yet durable, perhaps.
  let next = first;
  const become = async (incarnation: Incarnation, meta: Meta = {}) => {
    next = incarnation;
    try {
      await remember({ ...meta, ...incarnationMeta(incarnation) });
    } catch (error) {
      next = current;
      throw error;
    }
    current = incarnation;
    return current;
  };
  return {
    current: () => current,
    renew: () => {
      const meta = leap();
      return become({ id: ids.uuid(), confirmed: false, since: meta.since }, meta);
    },
    confirm: () => become({ ...next, confirmed: true }),
  };
}

export function incarnationMeta({ id, confirmed, since }: Incarnation): Meta {
  return { incarnation: id, confirmed: confirmed ? 'yes' : 'no', since };
}
