import { expect, test } from 'vitest';
import { DEFAULT_NETWORK, overlapsOf, refuseOwnNetworks, settleNetwork, type ClusterNetwork } from './cluster-network.ts';

function check(
  asked: Partial<ClusterNetwork>,
  kept: Partial<ClusterNetwork> | undefined,
  expected: Partial<ClusterNetwork> | RegExp,
): void {
  const settle = () => settleNetwork(asked, kept);
  if (expected instanceof RegExp) expect(settle).toThrow(expected);
  else expect(settle()).toEqual({ ...DEFAULT_NETWORK, ...expected });
}

test('what is asked for at the first start holds, and nothing else later', () => {
  const mine = { clusterCIDR: '172.20.0.0/16', serviceCIDR: '172.21.0.0/20', clusterDomain: 'boats.example' };
  check({}, undefined, {});
  check(mine, undefined, mine);
  check({}, mine, mine);
  check(mine, mine, mine);
  check(
    { clusterCIDR: '10.40.0.0/16' },
    mine,
    /--cluster-cidr 10.40.0.0\/16: this cluster was made with 172.20.0.0\/16.*--data-dir/,
  );
  check({ clusterDomain: 'cluster.local' }, mine, /--cluster-domain cluster.local: this cluster was made with boats.example/);
  // A database of before there was a choice.
  check({}, {}, {});
  check({ serviceCIDR: '172.21.0.0/20' }, {}, /--service-cidr/);
});

test.each([
  [{ clusterCIDR: 'abc' }, /must be an IPv4 network of \/8 to \/25/],
  [{ clusterCIDR: '10.0.0.0/26' }, /must be an IPv4 network/],
  [{ clusterCIDR: '10.40.1.0/16' }, /use 10.40.0.0\/16/],
  [{ clusterCIDR: '169.254.0.0/16' }, /overlaps 169.254.0.0\/16/],
  [{ serviceCIDR: 'fd00::/112' }, /must be an IPv4 network of \/12 to \/30/],
  [{ serviceCIDR: '10.0.0.0/31' }, /must be an IPv4 network/],
  [{ serviceCIDR: '10.33.0.0/16' }, /--cluster-cidr 10.32.0.0\/11 and --service-cidr 10.33.0.0\/16: they overlap/],
  [{ clusterDomain: 'No_Domain' }, /subdomain/],
])('%j can not be', (asked, expected) => {
  check(asked, undefined, expected);
});

test('what an address or a network has in common with the cluster’s', () => {
  const flags = (text: string) => overlapsOf(text, DEFAULT_NETWORK).map(({ flag }) => flag);
  expect([flags('192.168.1.0/24'), flags('10.33.0.0/16'), flags('10.96.0.1'), flags('10.0.0.0/8'), flags('fd00::1')]).toEqual([
    [],
    ['--cluster-cidr'],
    ['--service-cidr'],
    ['--cluster-cidr', '--service-cidr'],
    [],
  ]);
});

test('a machine that is on one of the cluster’s networks can not be its first node', () => {
  const refuse = (...own: readonly string[]) => refuseOwnNetworks(DEFAULT_NETWORK, own);
  expect(() => refuse('192.168.1.5/24', '172.17.0.1/16')).not.toThrow();
  expect(() => refuse('192.168.1.5/24', '10.50.3.4/16')).toThrow(
    'start with --cluster-cidr 10.32.0.0/11: this machine is on 10.50.3.4/16, which overlaps it; give --cluster-cidr another private network, in which none of your machines are',
  );
  expect(() => refuse('10.96.7.7/20')).toThrow('start with --service-cidr 10.96.0.0/16');
});
