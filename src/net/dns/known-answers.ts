import type { RecordIndex } from './record-index.ts';
import { HEADER_BYTES } from './wire.ts';

/**
 * Whole answers from our own names, by the question as it came but for its id: pods ask the same few over and over. An answer is the question itself, its header written over, and
 * what stands behind it, so that nothing is copied or allocated. They hold as long as the names do. Only for datagrams: over a connection more goes into a message.
 */
export class KnownAnswers {
  private readonly index: Pick<RecordIndex, 'serial'>;
  /** By a sum of the question's bytes: of two with the same sum, the later is kept. */
  private readonly answers = new Map<number, Known>();
  private serial = -1;

  constructor(index: Pick<RecordIndex, 'serial'>) {
    this.index = index;
  }

  /** Writes over `message` if there is an answer, which are both its parts, one after the other. */
  find(message: Buffer): readonly [Buffer, Buffer] | undefined {
    if (this.serial !== this.index.serial) this.forget();
    const known = this.answers.get(sumOf(message));
    if (known === undefined || !isSame(known.question, message)) return undefined;
    const { header, end, rest } = known;
    for (let at = ID_BYTES; at < HEADER_BYTES; at += 1) message[at] = header[at] ?? 0;
    return [end === message.length ? message : message.subarray(0, end), rest];
  }

  /** `end`: of the question, in both. */
  keep(message: Buffer, end: number, answer: Buffer): void {
    if (message.length + answer.length > BYTES_MAX) return;
    if (this.answers.size >= ANSWERS_MAX) this.answers.clear();
    // Of its own: a part of a block that many share would hold it whole.
    const kept = Buffer.allocUnsafeSlow(message.length + answer.length);
    message.copy(kept);
    answer.copy(kept, message.length);
    this.answers.set(sumOf(message), {
      question: kept.subarray(0, message.length),
      header: kept.subarray(message.length, message.length + HEADER_BYTES),
      end,
      rest: kept.subarray(message.length + end),
    });
  }

  private forget(): void {
    this.answers.clear();
    this.serial = this.index.serial;
  }
}

type Known = { readonly question: Buffer; readonly header: Buffer; readonly end: number; readonly rest: Buffer };

/** With the next, 2 MB at most where names are as long as usual. */
const ANSWERS_MAX = 4_096;
/** Of a question and its answer. */
const BYTES_MAX = 512;
const ID_BYTES = 2;
/** Small and odd, as hashes of texts have it. */
const FACTOR = 31;

function sumOf(message: Buffer): number {
  let sum = message.length;
  for (let at = ID_BYTES; at < message.length; at += 1) sum = (Math.imul(sum, FACTOR) + (message[at] ?? 0)) | 0;
  return sum;
}

function isSame(a: Buffer, b: Buffer): boolean {
  if (a.length !== b.length) return false;
  for (let at = ID_BYTES; at < a.length; at += 1) if (a[at] !== b[at]) return false;
  return true;
}
