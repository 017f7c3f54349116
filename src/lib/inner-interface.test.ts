import { expect, test } from 'vitest';
import { isInnerInterface } from './inner-interface.ts';

test('engines’ and pods’ interfaces lead to this machine only; a bridge that somebody has made is a LAN', () => {
  for (const name of [
    'docker0',
    'docker_gwbridge',
    'br-0123456789ab',
    'skr1a2b',
    'cni0',
    'flannel.1',
    'cali12',
    'lxdbr0',
    'virbr0',
  ])
    expect([name, isInnerInterface(name)]).toEqual([name, true]);
  for (const name of ['eth0', 'wlan0', 'br-lan', 'br0', 'br-guest', 'wg0', 'lan0'])
    expect([name, isInnerInterface(name)]).toEqual([name, false]);
});
