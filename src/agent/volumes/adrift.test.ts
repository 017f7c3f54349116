import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { isAdrift } from './adrift.ts';
import { placeOf } from './mountinfo.ts';

const FOLDER = { device: '8:1', root: '/data/agent' };

function checkAdrift(root: string, expected: boolean, device = '8:1', folder = FOLDER): void {
  expect(
    isAdrift(
      [
        { device: '0:9', root: '/' },
        { device, root },
      ],
      folder,
      'uid-1',
    ),
    root,
  ).toBe(expected);
}

test('what a container has of its pod is compared with what stands there now', () => {
  checkAdrift('/data/agent/pods/uid-1/etc/hosts', false);
  checkAdrift('/data/agent/pods/uid-1/volumes/scratch', false);
  checkAdrift('/agent/pods/uid-1/etc/hosts', false, '8:1', { ...FOLDER, root: '/agent' });
  checkAdrift('/pods/uid-1/etc/hosts', false, '8:1', { ...FOLDER, root: '/' });
  // Removed, moved, and another disk mounted over it.
  checkAdrift('/data/agent/pods/uid-1/etc/hosts//deleted', true);
  checkAdrift('/data/agent/pods/uid-1/volumes/scratch//deleted', true);
  checkAdrift('/data.lost/agent/pods/uid-1/etc/hosts', true);
  checkAdrift('/data/agent/pods/uid-1/etc/hosts', true, '8:2');
  // A subPath may name what its volume has replaced, or its pod has removed; what is in memory, of hosts and of others says nothing.
  checkAdrift('/data/agent/pods/uid-1/volumes/map/..0123/key//deleted', false);
  checkAdrift('/data/agent/pods/uid-1/volumes/scratch/sub//deleted', false);
  checkAdrift('/token//deleted', false, '0:44');
  checkAdrift('/run/thing//deleted', false, '0:25');
  checkAdrift('/data/agent/pods/uid-2/etc/hosts//deleted', false);
});

test('a folder is known as its file system knows it', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'skerry-place-'));
  expect(await placeOf(folder)).toEqual({
    device: expect.stringMatching(/^\d+:\d+$/) as string,
    root: expect.stringMatching(/\/skerry-place-\w+$/) as string,
  });
  await rm(folder, { recursive: true });
});
