import type { RecordIndex } from './record-index.ts';

/**
 * Whole answers from our own names, by the question as it came but for its id: pods ask the same few over and over, and so that is one look-up and one copy. They hold as long as the
 * names do. Only for datagrams: over a connection more goes into a message.
 */
export class KnownAnswers {
  private readonly index: Pick<RecordIndex, 'serial'>;
  /** As texts, a character a byte: a kept Buffer would hold the whole block that it was cut from. */
  private readonly answers = new Map<string, string>();
  private serial = -1;

  constructor(index: Pick<RecordIndex, 'serial'>) {
    this.index = index;
  }

  find(message: Buffer): Buffer | undefined {
    if (this.serial !== this.index.serial) this.forget();
    const text = this.answers.get(keyOf(message));
    if (text === undefined) return undefined;
    const answer = Buffer.from(text, 'latin1');
    answer[0] = message[0] ?? 0;
    answer[1] = message[1] ?? 0;
    return answer;
  }

  keep(message: Buffer, answer: Buffer): void {
    if (message.length + answer.length > BYTES_MAX) return;
    if (this.answers.size >= ANSWERS_MAX) this.answers.clear();
    this.answers.set(keyOf(message), answer.toString('latin1'));
  }

  private forget(): void {
    this.answers.clear();
    this.serial = this.index.serial;
  }
}

/** With the next, 1 MB at most where names are as long as usual. */
const ANSWERS_MAX = 4_096;
/** Of a question and its answer. */
const BYTES_MAX = 512;
const ID_BYTES = 2;

const keyOf = (message: Buffer): string => message.toString('latin1', ID_BYTES);
