import { describe, expect, test } from 'vitest';
import { checkVerdicts } from '../../../test/support/verdicts.ts';
import { judgeDisks, mountOf, type Disk } from './disk.ts';
import { judgeDiskSpeed } from './disk-speed.ts';

type Expected = Parameters<typeof checkVerdicts>[1];
const MB = 1024 ** 2;
const GB = 1024 ** 3;

describe('room and kind', () => {
  const disk: Disk = {
    purpose: 'data',
    path: '/var/lib',
    mount: { point: '/', type: 'ext4', readOnly: false },
    space: { bytes: 30 * GB, bytesFree: 10 * GB, inodes: 1_000_000, inodesFree: 900_000 },
  };
  const space = (more: Partial<NonNullable<Disk['space']>>) => ({ space: { ...disk.space!, ...more } });
  const mount = (type: string, readOnly = false) => ({ mount: { point: '/mnt', type, readOnly } });
  const own = (more: Partial<NonNullable<Disk['space']>>) => ({ ...space(more), ...mount('ext4') });
  test.each<[string, Partial<Disk>, Expected]>([
    ['plenty', {}, [['ok', /^\/var\/lib \(data\): 10 GB of 30 GB free, ext4$/]]],
    ['below 300 MB', space({ bytesFree: 299 * MB }), [['error', /only 299 MB of 30 GB free; 300 MB are needed.*prune/s]]],
    ['300 MB, but below 10 %', space({ bytesFree: 301 * MB }), [['warning', /only 301 MB.*disk pressure/s]]],
    ['where the node is under pressure', space({ bytesFree: 2.9 * GB }), [['warning', /only 2\.9 GB.*disk pressure/s]]],
    ['300 MB of a small disk', space({ bytes: 2 * GB, bytesFree: 301 * MB }), []],
    ['a disk of its own, smaller than what a large one needs', own({ bytes: 256 * MB, bytesFree: 230 * MB }), []],
    [
      'the same, nearly full: no image lies there',
      own({ bytes: 256 * MB, bytesFree: 40 * MB }),
      [['error', /only 40 MB of 256 MB free; 51\.2 MB are needed → Make room: (?!.*(?:prune|vacuum)).*larger disk/s]],
    ],
    [
      "the engine's own disk",
      { ...own({ bytesFree: MB }), purpose: 'images and containers' },
      [['error', /300 MB are needed → Make room: (?!.*vacuum).*docker image prune -a \([^)]*\)\nWhat/]],
    ],
    ['the same of 64 MB, too small for anything', own({ bytes: 64 * MB, bytesFree: 30 * MB }), [['error', /32 MB are needed/]]],
    ['no inodes', space({ inodesFree: 10 }), [['error', /10 of 1000000 inodes left/]]],
    ['btrfs counts no inodes', space({ inodes: 0, inodesFree: 0 }), []],
    ['tmpfs', mount('tmpfs'), [['warning', /tmpfs: it is memory/]]],
    ['a live system', mount('overlay'), [['warning', /overlay/]]],
    ['nfs', mount('nfs4'), [['warning', /nfs4: databases are damaged/]]],
    ['a stick', mount('vfat'), [['warning', /vfat: it keeps no owners/]]],
    ['read-only', mount('ext4', true), [['error', /\/mnt is mounted read-only.*fsck.*remount,rw \/mnt/s]]],
    ['not to be seen', { space: undefined }, [['unknown', /can not be seen/]]],
    ['no mount known', { mount: undefined }, []],
  ])('%s', (_, more, expected) => checkVerdicts(judgeDisks({ disks: [{ ...disk, ...more }] }), expected));

  const MOUNTS = [
    '1 0 8:1 / / rw,noatime shared:1 - ext4 /dev/root rw',
    '2 1 8:2 / /var/lib rw - ext4 /dev/sda2 ro,errors=remount-ro',
    '3 1 0:5 / /media/my\\040card rw - vfat /dev/sdb1 rw',
    '4 1 0:6 / /var rw - tmpfs none rw',
    '5 4 0:7 / /var/lib/x rw - overlay a rw',
    '6 5 0:8 / /var/lib/x rw - xfs b rw',
  ].join('\n');
  test.each([
    ['/', 'ext4', false],
    ['/etc', 'ext4', false],
    ['/var/library', 'tmpfs', false],
    ['/var/lib/y', 'ext4', true],
    ['/media/my card/z', 'vfat', false],
    ['/var/lib/x', 'xfs', false],
  ])('%s is on %s', (path, type, readOnly) => expect(mountOf(MOUNTS, path)).toMatchObject({ type, readOnly }));
  test('of no table nothing is known', () => expect(mountOf('', '/')).toBeUndefined());
});

describe('speed', () => {
  const measured = (...eachMs: readonly number[]) => ({ type: 'measured', eachMs }) as const;
  const failed = (code: string) => ({ type: 'failed', code, why: code }) as const;
  test.each<[string, Parameters<typeof judgeDiskSpeed>[0]['times'], Expected]>([
    ['an SSD', measured(0.8, 1.2, 0.9, 40), [['ok', /takes 1\.2 ms \(median of 4, at most 40 ms\)/]]],
    ['one that stumbles once', measured(5, 6, 900), []],
    ['a slow card', measured(60, 80, 100), [['warning', /80 ms.*A2/s]]],
    ['a dying card, of which two seconds gave few', measured(900, 1_200), [['error', /1200 ms.*worn out/s]]],
    ['nothing measured', measured(), [['unknown', /not measured/]]],
    ['not ours', failed('EACCES'), [['unknown', /not ours.*root/s]]],
    ['full', failed('ENOSPC'), [['error', /takes no more/]]],
    ['read-only', failed('EROFS'), [['error', /read-only/]]],
    ['broken', failed('EIO'), [['error', /can not be written.*dmesg/s]]],
  ])('%s', (_, times, expected) => checkVerdicts(judgeDiskSpeed({ folder: '/d', times }), expected));
});
