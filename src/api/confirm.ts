import { SkerryError } from '#lib/error.ts';

/** What `POST /skerry.dev/v1/confirm` answers: what the confirmation concerns. What nodes then remove they alone know. */
export type ConfirmAnswer = {
  readonly incarnation: string;
  /** Nothing was done: the database was confirmed before. */
  readonly already: boolean;
  /** That this database knows, and how many of them have a link now: the others hear of it when they come. */
  readonly nodes: number;
  readonly connected: number;
  /** That it has for those nodes, and that have not ended: these stay. */
  readonly pods: number;
};

export const CONFIRM_PATH = '/skerry.dev/v1/confirm';

/** Throws code BadAnswer. */
export function parseConfirmAnswer(answer: unknown): ConfirmAnswer {
  // Sound: any field of an object may be read, and each is looked at below.
  const { incarnation, already, nodes, connected, pods } = (answer ?? {}) as Readonly<Record<string, unknown>>;
  if (
    typeof incarnation === 'string' &&
    typeof already === 'boolean' &&
    typeof nodes === 'number' &&
    typeof connected === 'number' &&
    typeof pods === 'number'
  )
    return { incarnation, already, nodes, connected, pods };
  throw new SkerryError('BadAnswer', `read the answer of ${CONFIRM_PATH}: is the server of another release?`);
}
