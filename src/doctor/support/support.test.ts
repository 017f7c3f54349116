import { gunzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { doctorAsked } from '../../../test/support/doctor-asked.ts';
import { fakeOutside, type FakeMachine } from '../../../test/support/fake-outside.ts';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { PARTS, nodeNameIn, type SupportScene } from './parts.ts';
import { packSupport, supportName } from './support.ts';

const NEVER = new AbortController().signal;
const scene = (machine: FakeMachine, more: Partial<SupportScene> = {}): SupportScene => ({
  outside: fakeOutside(machine),
  asked: doctorAsked({ dataDir: '/d' }),
  version: { release: '1.2.3' },
  describeStore: () => Promise.reject(new Error('it is larger than 128 MiB')),
  describeLedger: () => Promise.resolve({ summary: { rows: {} }, secrets: ['only-in-the-ledger'] }),
  scratch: () => '/nowhere',
  ...more,
});

test('a part that fails, or hangs, is a line in errors.txt; what one part knows to be secret is kept out of all', async () => {
  const clock = manualClock();
  const machine: FakeMachine = {
    clock,
    files: {
      '/d/agent/ledger.db': '',
      '/d/server/state.db': '',
      '/proc/meminfo': 'MemTotal: 1\n',
      '/proc/self/mounts': '/dev/a / ext4 rw,noatime 0 0\n//nas/x /x cifs ro,username=me,password=p 0 0\n',
      '/etc/skerry/config.yaml': 'log-file: /log\n',
      '/log.1': '{"msg":"older: only-in-the-ledger"}\n',
      '/log': '{"msg":"newer"}\n',
    },
    programs: { 'dmesg --ctime --kernel': null, 'df -lPTk': 'device only-in-the-ledger\n', 'df -lPTi': 1 },
  };
  const doing: string[] = [];
  const packing = packSupport(scene(machine), 'folder', (part) => void doing.push(part), NEVER);
  while (doing.at(-1) !== 'kernel.txt') await clock.settle();
  await clock.advance(45_000);
  const { archive, contents, errors } = await packing;
  const text = gunzipSync(archive).toString('utf8');
  expect(doing).toEqual(PARTS.map(({ file }) => file));
  expect(errors).toEqual(
    expect.arrayContaining([
      'kernel.txt: no end within 45 s',
      'server.json: it is larger than 128 MiB',
      'inodes.txt: df -lPTi: no (exit code 1)',
      'engine.json: ask the container engine: ENOENT',
    ]),
  );
  expect(contents.map(({ file }) => file)).toEqual(
    expect.arrayContaining(['doctor.json', 'ledger.json', 'memory.txt', 'errors.txt']),
  );
  expect(text).toContain('folder/errors.txt');
  expect(text).toContain('device [withheld]');
  expect(text).toContain('{"msg":"older: [withheld]"}\n{"msg":"newer"}\n');
  expect(text).toContain('/dev/a / ext4\n//nas/x /x cifs (read-only)\n');
  expect(text).not.toMatch(/only-in-the-ledger|username|password=/);
});

test('a long part keeps its end', async () => {
  const lines = Array.from({ length: 200_000 }, (_, at) => `line ${at} of the kernel\n`).join('');
  const { archive, contents } = await packSupport(
    scene({ programs: { 'dmesg --ctime --kernel': lines } }),
    'f',
    () => undefined,
    NEVER,
  );
  const text = gunzipSync(archive).toString('utf8');
  expect(text).toContain('(cut)\nline ');
  expect(text).toContain('line 199999 of the kernel\n');
  expect(contents.find(({ file }) => file === 'kernel.txt')?.bytes).toBeLessThan(2.1 * 1024 ** 2);
});

test('the name tells whose it is and when, and is a file name whatever the machine is called', () => {
  expect(supportName('board-7', Date.UTC(2026, 10, 21, 11, 5, 32))).toBe('skerry-support-board-7-20261121T110532Z');
  expect(nodeNameIn({ joined: { node: 'edge-1' } }, 'Host')).toBe('edge-1');
  expect(nodeNameIn(undefined, '../Host 7')).toBe('..-host-7');
});
