import { describe, expect, test } from 'vitest';
import { checkVerdicts } from '../../../test/support/verdicts.ts';
import { judgeCgroups, type CgroupFacts } from './cgroups.ts';
import { judgeClock } from './clock.ts';
import { judgeConfinement } from './confinement.ts';
import { judgeInstallation, type InstallationFacts } from './installation.ts';
import { judgeKernel, type KernelFacts } from './kernel.ts';
import { isOlder, judgeMachine, type MachineFacts } from './machine.ts';
import { judgeNode } from './node.ts';
import { installLine, judgePrograms } from './programs.ts';
import { judgeService, type Unit } from './service.ts';

type Expected = Parameters<typeof checkVerdicts>[1];

describe('machine', () => {
  const facts: MachineFacts = {
    system: 'Debian 12',
    kernelRelease: '6.1.0-18-arm64',
    isRoot: true,
    glibc: '2.36',
    systemd: '252',
    memoryBytes: 1024 ** 3,
    swapBytes: 0,
    hugePages: { isAlways: true, bytes: 2 * 1024 ** 2 },
  };
  test.each<[string, Partial<MachineFacts>, Expected]>([
    ['a usual board', {}, []],
    ['no huge pages', { hugePages: undefined }, []],
    [
      'pages of 16 KiB, huge ones wherever they fit',
      { hugePages: { isAlways: true, bytes: 32 * 1024 ** 2 } },
      [['warning', /pieces of 32 MB .* up to 32 MB that it does not use/]],
    ],
    ['pages of 16 KiB, huge ones on demand', { hugePages: { isAlways: false, bytes: 32 * 1024 ** 2 } }, []],
    ['pages of 64 KiB: huge ones fit nowhere', { hugePages: { isAlways: true, bytes: 512 * 1024 ** 2 } }, []],
    ['without systemd', { systemd: undefined }, []],
    ['Debian 11', { glibc: '2.31', kernelRelease: '5.10.0-28' }, []],
    ['too old a C library', { glibc: '2.28' }, [['error', /glibc 2\.28 is too old/]]],
    ['a kernel of a vendor', { kernelRelease: '4.9.337-tegra' }, [['warning', /kernel 4\.9\.337-tegra is older than 4\.19/]]],
    ['256 MB, of which the kernel has taken some', { memoryBytes: 230 * 1024 ** 2 }, []],
    ['128 MB', { memoryBytes: 120 * 1024 ** 2 }, [['warning', /120 MB of memory, no swap: .*tight/]]],
    ['not root', { isRoot: false }, [['unknown', /not root/]]],
  ])('%s', (_, more, expected) => checkVerdicts(judgeMachine({ ...facts, ...more }), expected));

  test.each([
    ['1.9', true],
    ['1.41', false],
    ['2.0', false],
    ['0.99', true],
    ['nonsense', false],
  ])('%s is older than 1.41: %s', (version, older) => expect(isOlder(version, [1, 41])).toBe(older));
});

describe('cgroups', () => {
  const v2: CgroupFacts = {
    version: 2,
    controllers: ['cpu', 'memory', 'pids', 'io'],
    model: '',
    cmdline: undefined,
    hasGrub: false,
    booted: '',
  };
  const pi = { model: 'Raspberry Pi 4 Model B Rev 1.4', controllers: ['cpu', 'pids'] };
  const file = '/boot/firmware/cmdline.txt';
  test.each<[string, Partial<CgroupFacts>, Expected]>([
    ['all there', {}, []],
    ['version 1', { version: 1 }, []],
    [
      'Raspberry Pi OS: the file, the words, the reboot',
      { ...pi, cmdline: { file, text: 'console=tty1 root=PARTUUID=1 rootwait' } },
      [['error', /memory control group is off.*\/boot\/firmware\/cmdline\.txt.*cgroup_enable=memory cgroup_memory=1.*reboot/s]],
    ],
    [
      'where the words stand already',
      { ...pi, cmdline: { file, text: 'root=1 cgroup_enable=memory cgroup_memory=1' } },
      [['error', /has the words for it already: reboot/]],
    ],
    ['a Pi whose file is not mounted', pi, [['error', /cmdline\.txt on the boot partition/]]],
    [
      'another board',
      { controllers: ['cpu', 'pids'], booted: 'cgroup_disable=memory quiet' },
      [['error', /booted with cgroup_disable=memory.*extlinux/s]],
    ],
    [
      'where GRUB boots it',
      { controllers: ['cpu', 'pids'], hasGrub: true },
      [
        [
          'error',
          /sudo sed -i '\/\^GRUB_CMDLINE_LINUX=.* cgroup_memory=1"\/' \/etc\/default\/grub && sudo update-grub\nThen reboot/,
        ],
      ],
    ],
    ['no pids', { controllers: ['cpu', 'memory'] }, [['warning', /no control group for pids.*CONFIG_CGROUP_PIDS/s]]],
    ['nothing to be seen', { version: undefined }, [['unknown', /can not be seen/]]],
  ])('%s', (_, more, expected) => checkVerdicts(judgeCgroups({ ...v2, ...more }), expected));
});

describe('kernel', () => {
  const works = { type: 'works' } as const;
  const refused = { type: 'refused', why: 'Operation not supported' } as const;
  const facts: KernelFacts = {
    release: '6.1.0',
    nft: works,
    iptables: works,
    veth: works,
    vxlan: works,
    overlay: true,
    forwarding: '1',
    hasModules: true,
  };
  test.each<[string, Partial<KernelFacts>, Expected]>([
    ['all works', {}, [['ok', /nft, veth, vxlan, overlay work; forwarding is on/]]],
    ['forwarding is the agent’s to turn on', { forwarding: '0' }, [['ok', /the agent turns it on/]]],
    ['nft refused, iptables there', { nft: refused }, [['warning', /iptables is used in its place.*nft_chain_nat/s]]],
    ['neither', { nft: refused, iptables: refused }, [['error', /neither nft/]]],
    ['no nft program is told elsewhere', { nft: { type: 'no-program' } }, []],
    ['no veth', { veth: refused }, [['error', /no veth pair.*modprobe -a veth/s]]],
    ['no veth after an upgrade of the kernel', { veth: refused, hasModules: false }, [['error', /6\.1\.0 are gone.*reboot/]]],
    ['no vxlan', { vxlan: refused }, [['warning', /no vxlan link/]]],
    ['no overlay', { overlay: false }, [['warning', /no overlay file system/]]],
    [
      'not root',
      { nft: { type: 'not-root' }, iptables: { type: 'not-root' }, veth: { type: 'not-root' }, vxlan: { type: 'not-root' } },
      [['unknown', /not tried/]],
    ],
  ])('%s', (_, more, expected) => checkVerdicts(judgeKernel({ ...facts, ...more }), expected));
});

describe('programs', () => {
  const found = { ip: '6.1.0', nft: '1.0.6', iptables: '1.8.9', nsenter: '2.38', mount: '2.38' };
  const { nft: _, ...withoutNft } = found;
  test.each<[string, Readonly<Record<string, string>>, Expected]>([
    ['all there', found, []],
    ['iptables for nft', withoutNft, [['warning', /nft is missing; iptables.*apt-get install .* nftables/s]]],
    ['no iptables is no loss', { ...withoutNft, nft: '1', iptables: '' }, []],
    ['nothing', {}, [['error', /missing: ip, nft, nsenter, mount;.* iproute2 nftables util-linux/s]]],
  ])('%s', (_, found, expected) => checkVerdicts(judgePrograms({ found, distributions: ['debian'] }), expected));

  test('in the words of the distribution', () => {
    expect(installLine(['rocky', 'rhel'], ['iproute2'])).toBe('dnf install -y iproute');
    expect(installLine(['raspbian', 'debian'], ['iproute2', 'nftables'])).toMatch(/^apt-get install .* iproute2 nftables$/);
  });
});

describe('clock', () => {
  const NOW = Date.UTC(2026, 10, 21);
  test.each<[string, number, boolean | undefined, number | undefined, Expected]>([
    ['right', NOW, true, 400, []],
    ['1970', 0, undefined, undefined, [['error', /1970-01-01.*no image can be pulled → .*timesyncd/s]]],
    ['the year 2200', Date.UTC(2200, 0), true, undefined, [['error', /can not be/]]],
    ['nobody sets it', NOW, false, undefined, [['warning', /nothing has set the clock/]]],
    ['nobody can tell', NOW, undefined, undefined, [['unknown', /can not be seen/]]],
    ['behind the server', NOW, true, 300_000, [['warning', /300 s behind the server's/]]],
    ['ahead of it', NOW, false, -90_000, [['warning', /90 s ahead of the server's/]]],
  ])('%s', (_, nowMs, synchronised, serverAheadMs, expected) =>
    checkVerdicts(judgeClock({ nowMs, synchronised, serverAheadMs }), expected),
  );
});

describe('installation and node', () => {
  const facts: InstallationFacts = {
    slots: ['0.1.0', '0.2.0'],
    current: { version: '0.2.0', there: true },
    hasLaunch: true,
    trials: [],
    goneBack: undefined,
  };
  test.each<[string, Partial<InstallationFacts>, Expected]>([
    ['whole', {}, [['ok', /release 0\.2\.0; also here: 0\.1\.0/]]],
    ['none', { slots: [], current: undefined, hasLaunch: false }, [['ok', /not installed/]]],
    ['cut in the middle', { current: undefined }, [['error', /broken: "current" names no release.*Run the installation again/s]]],
    ['no executable', { current: { version: '0.2.0', there: false } }, [['error', /0\.2\.0 has no executable/]]],
    ['no launch', { hasLaunch: false }, [['error', /"launch" is missing/]]],
    [
      'on trial',
      { trials: [{ mode: 'agent', to: '0.2.0', back: '0.1.0', starts: '2' }] },
      [
        ['ok', /0\.2\.0/],
        ['ok', /on trial as agent \(start 2 of 3\)/],
      ],
    ],
    [
      'taken back',
      { goneBack: { to: '0.3.0', back: '0.2.0', why: '3 starts failed' } },
      [['warning', /upgrade to 0\.3\.0 was taken back.*3 starts failed/]],
    ],
  ])('%s', (_, more, expected) => checkVerdicts(judgeInstallation({ ...facts, ...more }), expected));

  test('who it is', () => {
    const joined = { type: 'joined', node: 'board-7', cluster: 'c1', server: undefined, pins: [] } as const;
    checkVerdicts(judgeNode({ joined, isServer: false }), [['ok', /"board-7" of cluster c1/]]);
    checkVerdicts(judgeNode({ joined: { type: 'broken' }, isServer: true }), [
      ['error', /identity/],
      ['ok', /server/],
    ]);
    checkVerdicts(judgeNode({ joined: { type: 'unseen' }, isServer: false }), [['unknown', /can not be seen/]]);
  });
});

describe('service', () => {
  const name = 'skerry-agent.service';
  const unit: Unit = {
    name,
    active: 'active',
    sub: 'running',
    result: 'success',
    file: 'enabled',
    restarts: 0,
    exitStatus: '0',
    isStale: false,
    upSeconds: 5,
    has: ['engine', 'link'],
    says: undefined,
    refused: undefined,
    canNotJoin: false,
  };
  test.each<[string, Partial<Unit>, Expected]>([
    ['as it should be', {}, [['ok', /skerry-agent\.service is active$/]]],
    ['of a card that makes its own way: nothing said yet', { has: undefined }, []],
    [
      'not at the next boot',
      { file: 'disabled' },
      [['warning', /does not start at the next boot \(disabled\) → systemctl enable skerry-agent/]],
    ],
    ['masked', { file: 'masked' }, [['warning', /systemctl unmask/]]],
    [
      'in a loop',
      { active: 'activating', sub: 'auto-restart', restarts: 7, result: 'exit-code', exitStatus: '2' },
      [
        [
          'error',
          /again and again: 7 restarts so far \(exit-code, exit status 2\) → Why: journalctl -u skerry-agent\.service -n 50/,
        ],
      ],
    ],
    [
      'in a loop, and it says why',
      { active: 'activating', sub: 'auto-restart', restarts: 7, result: 'exit-code', exitStatus: '3', says: 'join: no' },
      [['error', /\(exit-code, exit status 3\); it says: join: no → Why: journalctl/]],
    ],
    [
      'stopped by a reset',
      { active: 'inactive', file: 'disabled', canNotJoin: true },
      [['warning', /neither a cluster nor a token.* → To join: skerry install agent --server URL --token-file FILE/]],
    ],
    ['in a loop, up just now', { restarts: 7 }, [['warning', /active for 5 s only, after 7 restarts/]]],
    ['restarted long ago', { restarts: 7, upSeconds: 9_000 }, []],
    ['starting again and again', { active: 'activating', sub: 'start', restarts: 4 }, [['error', /does not get up: 4 restarts/]]],
    ['starting', { active: 'activating', sub: 'start' }, []],
    [
      'failed',
      { active: 'failed', result: 'watchdog', exitStatus: '9' },
      [['error', /failed \(watchdog, exit status 9\).*journalctl.*systemctl restart/s]],
    ],
    ['stopped', { active: 'inactive', file: 'disabled' }, [['warning', /does not run → Start it: systemctl enable --now/]]],
    ['systemd says nothing', { active: '', file: '' }, [['unknown', /can not be seen/]]],
    ['changed since', { isStale: true }, [['warning', /changed since.*daemon-reload/s]]],
    ['without its server', { has: ['engine'] }, [['warning', /no link to its server/]]],
    ['without its engine', { has: ['link'] }, [['warning', /no engine/]]],
  ])('%s', (_, more, expected) => checkVerdicts(judgeService({ hasSystemd: true, units: [{ ...unit, ...more }] }), expected));

  test('of two only the one that is meant to run; without systemd, or without a unit, none', () => {
    const other = { ...unit, name: 'skerry-server.service', active: 'inactive', file: 'disabled' };
    checkVerdicts(judgeService({ hasSystemd: true, units: [other, unit] }), [['ok', /agent\.service is active/]]);
    checkVerdicts(judgeService({ hasSystemd: false, units: [unit] }), [['ok', /systemd does not run/]]);
    checkVerdicts(judgeService({ hasSystemd: true, units: [] }), [['ok', /no service/]]);
  });
});

test('SELinux and AppArmor are told of only where root was refused something', () => {
  const refused = { check: 'kernel', status: 'error', message: 'no veth: Operation not permitted' } as const;
  const se = { isRoot: true, seLinux: 'enforcing', appArmor: '' } as const;
  checkVerdicts(judgeConfinement(se, [refused]), [['unknown', /SELinux is enforcing.*kernel.*ausearch/s]]);
  checkVerdicts(judgeConfinement({ ...se, seLinux: 'off', appArmor: 'docker-default (enforce)' }, [refused]), [
    ['unknown', /AppArmor/],
  ]);
  for (const facts of [
    { ...se, isRoot: false },
    { ...se, seLinux: 'permissive' as const },
  ])
    expect(judgeConfinement(facts, [refused])).toEqual([]);
  expect(judgeConfinement(se, [{ ...refused, message: 'no such device' }])).toEqual([]);
});
