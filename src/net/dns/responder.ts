import { answerOf, answerWith, failure, type Transport } from './answer.ts';
import { FORWARD_COST, OWN_COST, type ClientBudgets } from './client-budgets.ts';
import type { Question } from './exchange.ts';
import type { Forwarder, Outcome } from './forwarder.ts';
import { KnownAnswers } from './known-answers.ts';
import type { NameKey } from './name.ts';
import { isRefused, parseQuery, type Query } from './query.ts';
import type { Found, RecordIndex } from './record-index.ts';
import { unpack, type Unpacked } from './reply.ts';
import type { Upstreams } from './upstreams.ts';
import { CLASS_IN, FLAG, RCODE, TYPE } from './wire.ts';

/**
 * A message in, at most one message out, in one part or two; of its own names at once, of others when it is known. Never throws, whatever the message, which it may write over.
 * `client`: an address.
 */
export type Respond = (message: Buffer, transport: Transport, client: string, send: Send) => void;

export type Send = (answer: Buffer, rest?: Buffer) => void;

/** An alias that leads to an alias, and so on. */
const ALIASES_MAX = 8;

export function createResponder(
  index: Pick<RecordIndex, 'find' | 'serial'>,
  forwarder: Pick<Forwarder, 'known' | 'resolve'>,
  upstreams: Pick<Upstreams, 'cameBack'>,
  budgets: Pick<ClientBudgets, 'spend'>,
): Respond {
  const answers = new KnownAnswers(index);
  let turn = 0;

  const forward = (query: Query, transport: Transport, client: string, send: Send) => {
    // Who only wants to hear what we happen to know learns what others on this node have asked.
    if ((query.flags & FLAG.wanted) === 0) return send(failure(query, RCODE.refused));
    const question = questionOf(query, query.key);
    const known = forwarder.known(question);
    if (known !== undefined) return send(passedOn(query, transport, known));
    if (!budgets.spend(client, FORWARD_COST)) return;
    void forwarder
      .resolve(question, client)
      .then((outcome) => send(outcome === undefined ? failure(query, RCODE.serverFailure) : passedOn(query, transport, outcome)));
  };

  const followAlias = async (
    query: Query,
    transport: Transport,
    client: string,
    first: Found & { readonly kind: 'alias' },
  ): Promise<Buffer> => {
    const parts: Unpacked[] = [first.body];
    let { target } = first;
    for (let count = 1; count <= ALIASES_MAX; count += 1) {
      const found = index.find(target, query.type);
      if (found === undefined) {
        const { part, rcode } = await elsewhere(query, client, target);
        return joined(query, transport, rcode, [...parts, ...part]);
      }
      const body = unpack(found.body, target);
      if (body === undefined) break;
      parts.push(body);
      if (found.kind !== 'alias')
        return joined(query, transport, found.kind === 'none' && !found.exists ? RCODE.nameError : RCODE.noError, parts);
      target = found.target;
    }
    return failure(query, RCODE.serverFailure);
  };

  const elsewhere = async (
    query: Query,
    client: string,
    target: NameKey,
  ): Promise<{ readonly part: readonly Unpacked[]; readonly rcode: number }> => {
    const question = questionOf(query, target);
    const outcome = forwarder.known(question) ?? (await forwarder.resolve(question, client));
    if (outcome === undefined) return { part: [], rcode: RCODE.serverFailure };
    const { reply, rest } = outcome;
    const part = unpack({ bytes: rest, answers: reply.answers, authorities: reply.authorities }, target);
    return part === undefined ? { part: [], rcode: RCODE.serverFailure } : { part: [part], rcode: reply.rcode };
  };

  return (message, transport, client, send) => {
    const known = transport === 'udp' ? answers.find(message) : undefined;
    if (known !== undefined) return send(...known);
    const query = parseQuery(message);
    if (query === undefined) return;
    if (isRefused(query)) return send(failure(query, query.rcode));
    if (query.class !== CLASS_IN || query.type === TYPE.AXFR || query.type === TYPE.IXFR)
      return send(failure(query, RCODE.refused));
    if (upstreams.cameBack(query.key)) return send(failure(query, RCODE.refused));
    if (!budgets.spend(client, OWN_COST)) return;
    const found = index.find(query.key, query.type);
    if (found === undefined) return forward(query, transport, client, send);
    if (found.kind === 'alias') return void followAlias(query, transport, client, found).then(send);
    turn = (turn + 1) % 0x10000;
    const rcode = found.kind === 'none' && !found.exists ? RCODE.nameError : RCODE.noError;
    const answer = answerOf(query, transport, rcode, found.body, turn);
    // Records that change places do so at each answer.
    if (transport === 'udp' && found.body.rotating <= 1) answers.keep(message, query.end, answer);
    send(answer);
  };
}

function questionOf({ type, edns, flags }: Query, key: NameKey): Question {
  return { key, type, dnssecOk: edns?.dnssecOk === true, unchecked: (flags & FLAG.unchecked) !== 0 };
}

function passedOn(query: Query, transport: Transport, { reply, rest }: Outcome): Buffer {
  const flags = reply.flags | (reply.isTruncated ? FLAG.truncated : 0);
  return answerWith(query, transport, flags, [reply.answers, reply.authorities, reply.additionals], rest);
}

function joined(query: Query, transport: Transport, rcode: number, parts: readonly Unpacked[]): Buffer {
  // What is between them says nothing of the whole: only the last may speak for what is not there.
  const answers = parts.reduce((sum, part) => sum + part.answers, 0);
  const authorities = parts.at(-1)?.authorities ?? 0;
  return answerWith(
    query,
    transport,
    FLAG.authoritative | (rcode & 0xf),
    [answers, authorities, 0],
    Buffer.concat(parts.map(({ bytes }) => bytes)),
  );
}
