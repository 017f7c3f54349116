import type { Socket } from 'node:net';
import { Readable } from 'node:stream';
import type { Clock } from '#lib/clock.ts';
import { createAnswerReader, type AnswerHead } from './answer-reader.ts';

/** One request and its answer, by HTTP/1.1 on a connection that is there. Asks nothing again and knows no server. */
export type Question = {
  readonly method: string;
  /** Path and query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  readonly body?: string;
};

/** How long nothing may be heard; 0: for ever. */
export type Patience = { readonly clock: Clock; readonly idleMs: number };

export type Answer = AnswerHead & { readonly body: Readable };

/**
 * Resolves with the head of the answer; its body is read, or destroyed. `done`: called once, when nothing more comes, with whether the connection takes another
 * request. Rejects, and later the body fails, if the connection ends before the answer does or nothing is heard for too long.
 */
export function exchange(
  socket: Socket,
  question: Question,
  patience: Patience,
  done: (reusable: boolean) => void,
): Promise<Answer> {
  const reader = createAnswerReader();
  return new Promise((resolve, reject) => {
    let body: Readable | undefined;
    let isDone = false;

    const finish = (reusable: boolean) => {
      if (isDone) return;
      isDone = true;
      socket.off('data', heard).off('error', fail).off('close', closed).off('end', closed);
      stopWaiting();
      if (reusable) socket.resume();
      else socket.destroy();
      done(reusable);
    };
    const fail = (error: Error) => {
      finish(false);
      if (body === undefined) reject(error);
      else body.destroy(error);
    };
    const take = (read: () => ReturnType<typeof reader.end>) => {
      try {
        for (const piece of read()) {
          if (piece.type === 'head') resolve({ ...piece.head, body: (body = bodyOf(socket, finish)) });
          else if (piece.type === 'end') {
            finish(piece.reusable);
            body?.push(null);
          } else if (body?.push(piece.bytes) === false) socket.pause();
        }
      } catch (error) {
        // Sound: the reader throws nothing else.
        fail(error as Error);
      }
    };
    const heard = (bytes: Buffer) => {
      stopWaiting();
      stopWaiting = waitFor(patience, fail);
      take(() => reader.read(bytes));
    };
    const closed = () => take(reader.end);

    let stopWaiting = waitFor(patience, fail);
    socket.on('data', heard).on('error', fail).on('close', closed).on('end', closed);
    try {
      socket.write(headText(question), 'latin1');
      if (question.body !== undefined) socket.write(question.body, 'utf8');
    } catch (error) {
      // Sound: as thrown by Node, or below.
      fail(error as Error);
    }
  });
}

/** The function it gives ends the wait. */
export function waitFor({ clock, idleMs }: Patience, fail: (error: Error) => void): () => void {
  if (idleMs === 0) return () => undefined;
  return clock.timer(idleMs, () => fail(new Error(`no answer within ${idleMs / 1000} s`)));
}

function bodyOf(socket: Socket, finish: (reusable: boolean) => void): Readable {
  const body = new Readable({
    read: () => void socket.resume(),
    destroy: (error, destroyed) => {
      finish(false);
      destroyed(error);
    },
  });
  // Whoever reads hears of it; who does not need not.
  return body.on('error', () => undefined);
}

function headText({ method, target, headers }: Question): string {
  const lines = Object.entries(headers).flatMap(([name, values]) =>
    (typeof values === 'string' ? [values] : values).map((value) => `${name}: ${value}`),
  );
  const text = [`${method} ${target} HTTP/1.1`, ...lines];
  const wrong = text.find((line) => !ONE_LINE.test(line));
  if (wrong !== undefined) throw new Error(`${JSON.stringify(wrong.slice(0, 40))} can not stand in a request`);
  return `${text.join('\r\n')}\r\n\r\n`;
}

/** Latin-1 without control characters. */
const ONE_LINE = /^[\t\x20-\x7e\x80-\xff]*$/;
