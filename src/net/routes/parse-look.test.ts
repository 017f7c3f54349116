import { expect, test } from 'vitest';
import { parseRouteTable } from './parse-look.ts';

test('ours are read from the kernel’s table, whose addresses are hexadecimal numbers', () => {
  const table = [
    'Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT ',
    'eth0\t00000000\tFE01A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0 ',
    'eth0\t8001200A\t0201A8C0\t0003\t0\t0\t1084\t80FFFFFF\t0\t0\t0 ',
    '',
  ];
  expect(parseRouteTable(table.join('\n'), '1084')).toEqual([{ cidr: '10.32.1.128/25', via: '192.168.1.2', device: 'eth0' }]);
});
