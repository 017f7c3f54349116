import { describe, expect, test } from 'vitest';
import { checkVerdicts } from '../../../test/support/verdicts.ts';
import type { EngineAbout, EngineFacts } from '../facts/engine-facts.ts';
import type { Verdict } from '../finding.ts';
import { judgeArchitecture, type ArchitectureFacts } from './architecture.ts';
import { judgeEngine } from './engine.ts';

const GOOD: EngineAbout = {
  name: 'Docker',
  version: '28.2.2',
  apiVersion: '1.50',
  arch: 'arm64',
  osType: 'linux',
  kernel: '6.1.0',
  cpus: 4,
  memoryBytes: 1024 ** 3,
  storageDriver: 'overlay2',
  cgroupDriver: 'systemd',
  cgroupVersion: '2',
  loggingDriver: 'json-file',
  liveRestore: true,
  swarm: 'inactive',
  rootDir: '/var/lib/docker',
  rootless: false,
  warnings: [],
};
const ABSENT = {
  type: 'none',
  socketPath: '/s',
  why: 'absent',
  words: 'ENOENT',
  installed: [],
  hasSystemd: true,
  usualRoot: '/var/lib/docker',
  service: undefined,
} as const;

describe('engine', () => {
  test.each<[string, Partial<EngineAbout>, Parameters<typeof checkVerdicts>[1]]>([
    ['as it should be', {}, []],
    ['1.41 is enough', { apiVersion: '1.41' }, []],
    ['too old', { apiVersion: '1.40' }, [['error', /API 1\.40; 1\.41.*Docker 20\.10/s]]],
    [
      'live-restore off',
      { liveRestore: false },
      [['warning', /live-restore is off.*"live-restore": true.*systemctl reload docker/s]],
    ],
    [
      'a swarm, under which live-restore can not be',
      { liveRestore: false, swarm: 'active' },
      [['warning', /swarm \(active\).*swarm leave/s]],
    ],
    ['an engine that says nothing of swarms', { swarm: '' }, []],
    ['Podman has no daemon to outlive', { name: 'Podman', liveRestore: false }, [['warning', /Podman works/]]],
    ["Podman's overlay is not Docker's", { name: 'Podman', storageDriver: 'overlay' }, [['warning', /Podman works/]]],
    ['rootless', { rootless: true }, [['error', /rootless/]]],
    ['Windows', { osType: 'windows' }, [['error', /windows containers/]]],
    ['vfs', { storageDriver: 'vfs' }, [['warning', /vfs copies.*overlay2/s]]],
    ['aufs', { storageDriver: 'aufs' }, [['warning', /aufs is no longer/]]],
    ['no cgroups', { cgroupDriver: 'none' }, [['error', /no control groups/]]],
    [
      'its own warnings, all in one',
      { warnings: ['WARNING: No memory limit support', 'WARNING: No swap limit support'] },
      [['warning', /warns: No memory limit support; No swap limit support → What the kernel/]],
    ],
  ])('%s', (_, more, expected) => {
    checkVerdicts(judgeEngine({ type: 'engine', socketPath: '/s', about: { ...GOOD, ...more } }), expected);
  });

  test.each<[string, EngineFacts, Parameters<typeof checkVerdicts>[1]]>([
    ['none installed', ABSENT, [['error', /no container engine answers at unix:\/\/\/s: ENOENT → Install one/]]],
    ['installed, not running', { ...ABSENT, installed: ['dockerd'] }, [['error', /systemctl enable --now docker/]]],
    [
      'given up by systemd: why, and how it is started then',
      {
        ...ABSENT,
        installed: ['dockerd'],
        service: { state: 'failed', result: 'exit-code', says: 'mkdir /var/lib/docker/tmp: no space left on device' },
      },
      [
        [
          'error',
          /docker\.service has failed \(exit-code\); it says: mkdir .*no space left on device → .*systemctl reset-failed docker docker\.socket; systemctl start docker/s,
        ],
      ],
    ],
    ['without systemd', { ...ABSENT, installed: ['dockerd'], hasSystemd: false }, [['error', /service docker start/]]],
    ['Podman without its socket', { ...ABSENT, installed: ['podman'] }, [['error', /podman\.socket.*docker: unix:/s]]],
    ['not ours to open', { ...ABSENT, why: 'denied' }, [['unknown', /not ours to open.*sudo/]]],
    ['hanging', { ...ABSENT, why: 'silent', words: 'no answer within 5 s' }, [['error', /does not answer.*restart docker/]]],
    ['something else', { ...ABSENT, why: 'refused', words: 'HTTP 404' }, [['error', /no engine that can be used: HTTP 404/]]],
  ])('%s', (_, facts, expected) =>
    checkVerdicts(judgeEngine(facts), [...expected, ['unknown', /not checked, as no engine answers: live-restore/]]),
  );
});

describe('architecture', () => {
  const facts: ArchitectureFacts = {
    program: 'arm64',
    kernel: 'aarch64',
    kernelRelease: '6.1.0',
    engine: 'arm64',
    engineKernel: '6.1.0',
    images: [],
    emulated: [],
  };
  const images = [
    { name: 'nginx:1', arch: 'amd64' },
    { name: 'mine:2', arch: 'arm64' },
  ];
  test.each<[string, Partial<ArchitectureFacts>, Parameters<typeof checkVerdicts>[1]]>([
    ['alike', {}, []],
    ['no engine', { engine: undefined, engineKernel: '' }, []],
    [
      'an engine in a virtual machine',
      { engineKernel: '6.10.14-linuxkit' },
      [['error', /another kernel \(6\.10\.14-linuxkit\) than this program/]],
    ],
    ['armv7', { kernel: 'armv7l' }, [['error', /armv7l is not supported.*64-bit/s]]],
    ['a 32-bit engine on a 64-bit kernel', { engine: 'arm' }, [['warning', /engine is arm on a aarch64 kernel/]]],
    ['an image of another architecture', { images }, [['warning', /nginx:1 \(amd64\) →.*--platform linux\/arm64/s]]],
    ['which is emulated', { images, emulated: ['amd64'] }, []],
    [
      'many of them',
      { images: Array.from({ length: 9 }, (_, at) => ({ name: `i${at}`, arch: 'amd64' })) },
      [['warning', /i4 \(amd64\) and 4 more/]],
    ],
  ])('%s', (_, more, expected) => checkVerdicts(judgeArchitecture({ ...facts, ...more }), expected));
});

test('advice is there for everything that is wrong', () => {
  const wrong: readonly Verdict[] = judgeEngine({
    type: 'engine',
    socketPath: '/s',
    about: {
      ...GOOD,
      apiVersion: '1.2',
      osType: 'windows',
      rootless: true,
      storageDriver: 'vfs',
      swarm: 'error',
      warnings: ['x'],
    },
  });
  expect(wrong.filter(({ status }) => status !== 'ok').length).toBe(6);
});
