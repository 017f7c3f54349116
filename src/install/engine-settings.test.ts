import fc from 'fast-check';
import { expect, test } from 'vitest';
import { dataRootsOf, isInSwarm, settingsFileOf, withLiveRestore, withoutOurKeys } from './engine-settings.ts';

const free = { commandLines: ['/usr/sbin/dockerd -H fd://'], swarm: false };
const checkMerged = (text: string | undefined, expected: string) =>
  expect(withLiveRestore({ ...free, text })).toEqual({
    type: 'write',
    text: expected,
    added: ['live-restore'],
    made: text === undefined,
  });
const checkRefused = (facts: Partial<Parameters<typeof withLiveRestore>[0]>, reason: RegExp) =>
  expect(withLiveRestore({ ...free, text: undefined, ...facts })).toEqual({
    type: 'refuse',
    reason: expect.stringMatching(reason),
  });

test('live-restore is added beside what is there, in its form', () => {
  checkMerged(undefined, '{\n  "live-restore": true\n}\n');
  checkMerged('', '{\n  "live-restore": true\n}\n');
  checkMerged('{\n\t"debug": true\n}\n', '{\n\t"debug": true,\n\t"live-restore": true\n}\n');
  expect(withLiveRestore({ ...free, text: '{"live-restore":true}' })).toEqual({ type: 'keep' });
});

test('it is refused, with the reason, where it would do harm', () => {
  checkRefused({ text: '{' }, /no JSON object/);
  checkRefused({ text: '[]' }, /no JSON object/);
  checkRefused({ text: '{"live-restore": false}' }, /somebody's decision/);
  checkRefused({ swarm: true }, /swarm/);
  for (const line of [
    'dockerd\0--live-restore=false',
    'DOCKER_OPTS="--live-restore"',
    '{ path=/usr/sbin/dockerd ; argv[]=/usr/sbin/dockerd --live-restore ; }',
  ])
    checkRefused({ commandLines: [line] }, /flag/);
});

test('what was added is taken back if nobody changed it', () => {
  const back = (text: string | undefined, made: boolean) => withoutOurKeys(text, ['live-restore'], made);
  expect(back('{\n  "live-restore": true\n}\n', true)).toEqual({ type: 'remove' });
  expect(back('{\n  "live-restore": true\n}\n', false)).toEqual({ type: 'write', text: '{}\n' });
  expect(back('{"live-restore":true,"debug":true}', true)).toEqual({ type: 'write', text: '{\n  "debug": true\n}\n' });
  for (const text of ['{"live-restore":false}', '{}', '{', undefined]) expect(back(text, true)).toEqual({ type: 'keep' });
});

test('adding and taking back never changes what others set', () => {
  const settings = fc.dictionary(
    fc.string().filter((key) => key !== 'live-restore' && key !== '__proto__'),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(settings, (before) => {
      const text = JSON.stringify(before);
      const added = withLiveRestore({ ...free, text });
      if (added.type !== 'write') throw new Error(added.type);
      const after = withoutOurKeys(added.text, added.added, false);
      if (after.type !== 'write') throw new Error(after.type);
      expect(JSON.parse(after.text)).toEqual(JSON.parse(text));
    }),
  );
});

test('the file is where dockerd is told that it is', () => {
  expect(settingsFileOf(['dockerd'])).toBe('/etc/docker/daemon.json');
  expect(settingsFileOf(['x', 'dockerd\0--config-file\0/a/b.json\0'])).toBe('/a/b.json');
  expect(settingsFileOf(['argv[]=dockerd --config-file=/a/b.json ; ignore'])).toBe('/a/b.json');
});

test('what it knows of a swarm is where it keeps its state, and what it says itself', () => {
  const checkRoots = (text: string | undefined, lines: readonly string[], expected: readonly string[]) =>
    expect(dataRootsOf(text, lines)).toEqual(expected);
  checkRoots(undefined, ['dockerd -H fd://', 'graphics=-Gx --graph-opt=a'], ['/var/lib/docker']);
  checkRoots('{"data-root": "/srv/a"}', [], ['/srv/a']);
  checkRoots('{"graph": "/srv/a"}', [], ['/srv/a']);
  checkRoots(undefined, ['dockerd\0--data-root\0/srv/a\0-H\0fd://'], ['/srv/a']);
  checkRoots(undefined, ['DOCKER_OPTS="--graph=/srv/a"', 'ExecStart=/usr/bin/dockerd -g /srv/b --debug'], ['/srv/a', '/srv/b']);
  for (const state of ['active', 'pending', 'locked', 'error'])
    expect(isInSwarm({ Swarm: { LocalNodeState: state } })).toBe(true);
  for (const info of [{ Swarm: { LocalNodeState: 'inactive' } }, { Swarm: { LocalNodeState: '' } }, { Swarm: null }, {}, null, 1])
    expect(isInSwarm(info)).toBe(false);
});
