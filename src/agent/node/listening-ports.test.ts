import { expect, test } from 'vitest';
import { manualClock } from '../../../test/support/manual-clock.ts';
import { STAYS_MS, createListeningPorts, parseListening } from './listening-ports.ts';

const HEAD = '  sl  local_address rem_address   st tx_queue rx_queue';

test('who listens, and where a service could not take it over', () => {
  const tcp = [
    HEAD,
    '   0: 00000000:0016 00000000:0000 0A 00000000:00000000',
    '   1: 0100007F:0277 00000000:0000 0A 00000000:00000000',
    '   2: 0A14FEA9:1F41 00000000:0000 0A 00000000:00000000',
    '   3: 0501A8C0:1F90 00000000:0000 0A 00000000:00000000',
    '   4: 0501A8C0:0050 0601A8C0:C350 01 00000000:00000000',
    'nonsense',
    '',
  ].join('\n');
  expect(parseListening(tcp, 'tcp')).toEqual(['tcp/22', 'tcp/8080']);
  const tcp6 = [
    HEAD,
    '   0: 00000000000000000000000000000000:192B 00000000000000000000000000000000:0000 0A 0',
    '   1: 00000000000000000000000001000000:0277 00000000000000000000000000000000:0000 0A 0',
    '   2: 0000000000000000FFFF00000100007F:0278 00000000000000000000000000000000:0000 0A 0',
  ].join('\n');
  expect(parseListening(tcp6, 'tcp')).toEqual(['tcp/6443']);
  const udp = [
    HEAD,
    '   0: 00000000:0044 00000000:0000 07 00000000:00000000',
    '   1: 0501A8C0:D431 08080808:0035 01 00000000:00000000',
    '   2: 00000000:D432 00000000:0000 07 00000000:00000000',
  ].join('\n');
  expect(parseListening(udp, 'udp')).toEqual(['udp/68', 'udp/54322']);
});

test('an ephemeral port counts once somebody has stayed there', async () => {
  const clock = manualClock();
  let ports = ['tcp/40000', 'udp/68', 'udp/51820'];
  const read = createListeningPorts(clock, async () => new Set(ports));
  const told = async () => [...(await read())];
  expect(await told()).toEqual(['tcp/40000', 'udp/68']);
  await clock.advance(STAYS_MS - 1);
  ports = ['udp/51820', 'udp/40001'];
  expect(await told()).toEqual([]);
  await clock.advance(1);
  expect(await told()).toEqual(['udp/51820']);
  ports = [];
  await told();
  ports = ['udp/51820'];
  expect(await told(), 'another one').toEqual([]);
});
