import { expect, test } from 'vitest';
import { ENGINE, NETWORK_TOOLS, fetching, isPackageFile, type Manager } from './packages.ts';

const told = (manager: Manager, brought: readonly string[] = []) => {
  const { refresh, install } = fetching(manager, [...NETWORK_TOOLS, ENGINE], brought);
  return [...(refresh === undefined ? [] : [refresh]), install].map((argv) => argv.join(' '));
};

test('from the distribution', () => {
  expect(told('apt-get')).toEqual([
    'apt-get -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 -o APT::Update::Error-Mode=any update -q',
    'apt-get -o DPkg::Lock::Timeout=120 -o Acquire::Retries=1 -o Acquire::http::Timeout=20 -o Acquire::https::Timeout=20 install -y -q --no-install-recommends --no-remove iproute2 nftables docker.io',
  ]);
  expect(told('dnf')).toEqual(['dnf install -y iproute nftables moby-engine']);
  expect(told('zypper')).toEqual(['zypper --non-interactive install --no-recommends iproute2 nftables docker']);
  expect(told('pacman')).toEqual(['pacman --noconfirm -Sy --needed iproute2 nftables docker']);
});

test('from a stick: no network, and what is named is chosen from what it brings, where the manager can', () => {
  expect(told('apt-get', ['/s/a_amd64.deb'])).toEqual([
    'apt-get -o Dir::Etc::SourceList=/dev/null -o Dir::Etc::SourceParts=/dev/null -o DPkg::Lock::Timeout=120 install -y -q --no-install-recommends --no-remove iproute2 nftables docker.io --with-source /s/a_amd64.deb',
  ]);
  expect(told('zypper', ['/a stick/a.noarch.rpm'])).toEqual([
    'zypper --non-interactive --no-remote --plus-repo dir:///a stick install --no-recommends iproute2 nftables docker',
  ]);
  for (const manager of ['dnf', 'yum', 'pacman'] as const)
    expect(told(manager, ['/s/a'])).toEqual([expect.stringMatching(/ \/s\/a$/)]);
});

test('only packages for this machine are taken from it', () => {
  const files = [
    'a_amd64.deb',
    'b_arm64.deb',
    'c_all.deb',
    'd.x86_64.rpm',
    'e.noarch.rpm',
    'f-1-any.pkg.tar.zst',
    'skerry-1-linux-x64.gz',
  ];
  const taken = (manager: Manager) => files.filter((file) => isPackageFile(manager, 'x64', file)).join(' ');
  expect(taken('apt-get')).toBe('a_amd64.deb c_all.deb');
  expect(taken('dnf')).toBe('d.x86_64.rpm e.noarch.rpm');
  expect(taken('pacman')).toBe('f-1-any.pkg.tar.zst');
});
