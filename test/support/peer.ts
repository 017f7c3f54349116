import { spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Netns } from './netns.ts';

/** Somebody in a network namespace who serves and asks with real packets: a process of its own that stays, so that connections stay as well. */
export type Peer = {
  readonly ask: (order: PeerOrder) => Promise<{ readonly text: string; readonly ms: number }>;
  /** The answer to one connection: who answered and whom they saw, or why not. */
  readonly fetch: (host: string, port: number) => Promise<string>;
  /** Who answered how often. */
  readonly count: (host: string, port: number, times: number) => Promise<Readonly<Record<string, number>>>;
  readonly stop: () => void;
};

export type PeerOrder =
  | { readonly type: 'serve-tcp'; readonly port: number; readonly address: string }
  | { readonly type: 'serve-udp'; readonly port: number; readonly address: string }
  | { readonly type: 'fetch'; readonly host: string; readonly port: number }
  /** One after the other; answers with the median of their milliseconds. */
  | { readonly type: 'fetch-many'; readonly host: string; readonly port: number; readonly times: number }
  | { readonly type: 'open'; readonly name: string; readonly host: string; readonly port: number }
  /** As the agent asks itself whether its rules stand. */
  | { readonly type: 'ask-through-redirect'; readonly address: string }
  | { readonly type: 'say'; readonly name: string }
  | { readonly type: 'send'; readonly name: string; readonly host: string; readonly port: number };

export type PeerAnswer = { readonly id: number; readonly text: string; readonly ms: number };

export function startPeer(netns: Netns, name: string): Peer {
  const argv = ['-t', String(netns.pid), '-n', process.execPath, join(import.meta.dirname, 'peer-child.ts'), name];
  const child = spawn('nsenter', argv, { stdio: ['ignore', 'ignore', 'inherit', 'ipc'] });
  const waiting = new Map<number, (answer: PeerAnswer) => void>();
  let ids = 0;
  child.on('message', (message) => {
    // Sound: peer-child.ts sends nothing else.
    const answer = message as PeerAnswer;
    waiting.get(answer.id)?.(answer);
    waiting.delete(answer.id);
  });
  const ask = (order: PeerOrder) =>
    new Promise<PeerAnswer>((resolve) => {
      const id = ids++;
      waiting.set(id, resolve);
      child.send({ id, order });
    });
  const fetch = async (host: string, port: number) => (await ask({ type: 'fetch', host, port })).text;
  return {
    ask,
    fetch,
    count: async (host, port, times) => {
      const counts: Record<string, number> = {};
      for (let turn = 0; turn < times; turn += 1) {
        const [who = ''] = (await fetch(host, port)).split(' ');
        counts[who] = (counts[who] ?? 0) + 1;
      }
      return counts;
    },
    stop: () => void child.kill('SIGKILL'),
  };
}
