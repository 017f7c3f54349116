import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openTestStore, withFolder } from '../../../test/support/store.ts';

const ROUNDS = 6;
/** Acknowledgements to wait for before the kill, so that each round dies at another point. */
const ACKNOWLEDGED = [1, 40, 333, 1_500, 2_200, 3_100];
const CHILD = fileURLToPath(new URL('../../../test/support/store-child.ts', import.meta.url));

test('kill -9 in the middle of concurrent commits: nothing acknowledged is lost, no commit is half there, no revision comes twice', () =>
  withFolder(async (folder) => {
    const file = join(folder, 'state.db');
    const revisions = new Set<number>();
    const acknowledged = new Map<string, number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      const before = Math.max(0, ...revisions);
      for (const [client = '', count, revision] of await killed(file, ACKNOWLEDGED[round] ?? 0)) {
        expect(Number(revision)).toBeGreaterThan(before);
        expect(revisions.has(Number(revision))).toBe(false);
        revisions.add(Number(revision));
        if (client.startsWith('client')) acknowledged.set(client, Number(count));
      }
      const store = await openTestStore({ file, firstStart: false });
      expect(store.setAside).toBe(undefined);
      expect(store.view().list('configmaps', 'memory')).toEqual([]);
      for (const [client, count] of acknowledged) {
        const [left, right] = ['left', 'right'].map((side) => Number(store.view().get('configmaps', side, client)?.['count']));
        expect(left).toBe(right);
        // One commit of a client may have reached the disk without its acknowledgement.
        expect([count, count + 1]).toContain(left);
        acknowledged.set(client, left ?? 0);
      }
      const { revision } = store.view();
      expect(revision).toBeGreaterThan(Math.max(...revisions));
      revisions.add(revision);
      await store.close();
    }
    expect(revisions.size).toBeGreaterThan(5_000);
  }));

/** The complete lines a child has printed when it is killed after so many of them. */
async function killed(file: string, lines: number): Promise<readonly (readonly string[])[]> {
  const child = spawn(process.execPath, [CHILD, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  let text = '';
  let count = 0;
  for await (const chunk of child.stdout.setEncoding('utf8')) {
    text += String(chunk);
    count += String(chunk).split('\n').length - 1;
    if (count > lines) child.kill('SIGKILL');
  }
  await exited;
  return text
    .slice(0, text.lastIndexOf('\n'))
    .split('\n')
    .map((line) => line.split(' '));
}
