import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkVerdicts } from '../../../test/support/verdicts.ts';
import type { ServerFacts } from '../facts/server-facts.ts';
import { judgeFirewall, ufwAllows, type FirewallFacts } from './firewall.ts';
import { mountOf } from './disk.ts';
import { judgeOrchestrators } from './orchestrators.ts';
import { judgePorts, listeners, type PortFacts } from './ports.ts';
import { judgeServer } from './server.ts';

type Expected = Parameters<typeof checkVerdicts>[1];

describe('ports', () => {
  const stranger = { pid: 7, command: '/usr/bin/python3 -m http.server --password=x' };
  test.each<[string, Partial<PortFacts>, Expected]>([
    ['free', {}, [['ok', /6443 is free/]]],
    ['its own server', { holder: { pid: 7, command: '/usr/local/lib/skerry/current/skerry server' } }, [['ok', /skerry itself/]]],
    ['from a checkout', { holder: { pid: 7, command: 'node /src/skerry/src/main.ts server' } }, [['ok', /skerry itself/]]],
    [
      'a stranger, whose arguments are its own',
      { holder: stranger },
      [['error', /process 7 \(\/usr\/bin\/python3\): the server can not/]],
    ],
    ['where an agent may be meant', { role: undefined, holder: stranger }, [['warning', /a server could not/]]],
    ['an agent needs none', { role: 'agent', holder: stranger }, [['ok', /no port/]]],
    ['nobody knows whose', { holder: {} }, [['unknown', /by whom can not be seen/]]],
  ])('%s', (_, more, expected) =>
    checkVerdicts(judgePorts({ role: 'server', port: 6443, holder: undefined, ...more }), expected),
  );

  const TABLE = [
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
    '   0: 00000000:192B 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0 100 0 0 10 0',
    '   1: 0100007F:192B 0100007F:D431 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0 20 4 30 10 -1',
    '   2: 0100007F:0035 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4713 1 0 100 0 0 10 0',
  ].join('\n');
  test('only who listens counts, not who is connected', () => {
    expect([listeners(TABLE, 6443), listeners(TABLE, 53), listeners(TABLE, 80)]).toEqual([['4711'], ['4713'], []]);
  });
});

test('other orchestrators: running, starting at boot, lying about', () => {
  checkVerdicts(judgeOrchestrators({ found: [] }), [['ok', /no other/]]);
  checkVerdicts(judgeOrchestrators({ found: [{ name: 'K3s', running: false, startsAtBoot: false }] }), [
    ['ok', /K3s is here, but neither/],
  ]);
  checkVerdicts(
    judgeOrchestrators({
      found: [
        { name: 'K3s', running: true, startsAtBoot: true },
        { name: 'kubelet', running: false, startsAtBoot: true },
      ],
    }),
    [
      ['warning', /K3s runs here: it holds port 6443.*k3s-uninstall\.sh/s],
      ['warning', /kubelet does not run, but starts.*disable --now kubelet/s],
    ],
  );
});

describe('firewall', () => {
  const none: FirewallFacts = {
    role: 'server',
    port: 6443,
    clusterCidr: '10.32.0.0/11',
    ufw: { active: false },
    firewalld: { active: false },
  };
  const shut = { active: true, server: false, pods: true };
  test.each<[string, Partial<FirewallFacts>, Expected]>([
    ['none', {}, []],
    ['ufw, shut', { ufw: shut }, [['error', /ufw.*6443\/tcp: no node.*ufw allow 6443\/tcp/s]]],
    ['ufw, shut, on an agent', { role: 'agent', ufw: shut }, []],
    ['ufw, shut, before anything', { role: undefined, ufw: shut }, [['warning', /ufw allow/]]],
    ['ufw, open', { ufw: { ...shut, server: true } }, []],
    ['ufw, its rules not ours to read', { ufw: { active: true, pods: true } }, [['unknown', /can not be seen/]]],
    [
      'firewalld, shut for both',
      { port: 7443, firewalld: { active: true, server: false, pods: false } },
      [
        ['error', /firewall-cmd --permanent --add-port=7443\/tcp\n.*--reload/s],
        ['warning', /stops the traffic of pods.*--zone=trusted --add-source=10\.32\.0\.0\/11/s],
      ],
    ],
    [
      'firewalld, shut for pods of another network',
      { role: 'agent', clusterCidr: '172.20.0.0/16', firewalld: { active: true, pods: false } },
      [['warning', /--add-source=172\.20\.0\.0\/16/]],
    ],
    ['firewalld, open for both', { firewalld: { active: true, server: true, pods: true } }, []],
  ])('%s', (_, more, expected) => checkVerdicts(judgeFirewall({ ...none, ...more }), expected));

  test.each([
    ['### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in', true],
    ['### tuple ### allow any 6443 0.0.0.0/0 any 0.0.0.0/0 in', true],
    ['### tuple ### allow tcp 6000:7000 0.0.0.0/0 any 0.0.0.0/0 in', true],
    ['### tuple ### allow tcp 22,6443 0.0.0.0/0 any 0.0.0.0/0 in', true],
    ['### tuple ### allow any any 0.0.0.0/0 any 10.0.0.0/8 in', true],
    ['### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in_eth0', true],
    ['### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in comment=74686520617069', true],
    ['### tuple ### allow_log-all tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in', true],
    ['### tuple ### limit tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in', true],
    ['### tuple ### allow tcp 80,6443 0.0.0.0/0 any 0.0.0.0/0 My%20App - in', true],
    ['### tuple ### route:allow any any 0.0.0.0/0 any 0.0.0.0/0 in_eth0!out_eth1', false],
    ['### tuple ### deny tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in', false],
    ['### tuple ### allow udp 6443 0.0.0.0/0 any 0.0.0.0/0 in', false],
    ['### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 out', false],
    ['### tuple ### allow tcp 644 0.0.0.0/0 any 0.0.0.0/0 in', false],
    ['', false],
  ])('ufw: %s', (rule, open) => expect(ufwAllows(`*filter\n${rule}\n`, 6443)).toBe(open));
});

describe('server', () => {
  const reached = { type: 'reached', nameMs: 12, tcpMs: 30, tlsMs: 45, keyHash: 'k' } as const;
  const failed = (step: 'name' | 'tcp' | 'proxy' | 'tls') => ({ type: 'failed', step, why: 'W' }) as const;
  const tried = (more: Partial<Extract<ServerFacts, { readonly type: 'tried' }>>): ServerFacts => ({
    type: 'tried',
    server: { host: 'hub.example', port: 6443 },
    pins: [],
    direct: reached,
    ...more,
  });
  test.each<[string, ServerFacts, Expected]>([
    ['none named', { type: 'none' }, [['ok', /nothing to reach/]]],
    ['no URL', { type: 'bad', why: 'read the URL' }, [['error', /read the URL/]]],
    ['reached', tried({}), [['ok', /hub\.example:6443 answers: name 12 ms, TCP 30 ms, TLS 45 ms/]]],
    ['with the pinned key', tried({ pins: ['k'] }), [['ok', /the key that was pinned/]]],
    ['with another key', tried({ pins: ['other'] }), [['error', /has the key k, not one that this node pinned/]]],
    ['slowly', tried({ direct: { ...reached, tcpMs: 2_500 } }), [['warning', /slow.*keepalive/s]]],
    ['no such name', tried({ direct: failed('name') }), [['error', /name can not be resolved.*resolv\.conf/s]]],
    ['nobody there', tried({ direct: failed('tcp') }), [['error', /no connection to hub\.example:6443: W.*TCP 6443/s]]],
    ['no TLS there', tried({ direct: failed('tls') }), [['error', /not as a server.*port right/s]]],
    [
      'through the proxy of this environment only',
      tried({
        direct: failed('tcp'),
        proxied: { name: 'p:3128', setting: 'https://USER:PASSWORD@p:3128', isSet: false, probe: reached },
      }),
      [
        [
          'error',
          /through the proxy p:3128 only \(straight: W\).*by its settings alone → .*config\.yaml as {2}proxy: https:\/\/USER:PASSWORD@p:3128 /s,
        ],
      ],
    ],
    [
      'a proxy of this environment that does not let through',
      tried({ proxied: { name: 'p:3128', setting: 'https://USER:PASSWORD@p:3128', isSet: false, probe: failed('proxy') } }),
      [
        ['ok', /answers/],
        ['warning', /not reached by the proxy of HTTPS_PROXY: W.*NO_PROXY/s],
      ],
    ],
    [
      'a proxy that is none',
      tried({ proxied: { name: 'HTTPS_PROXY', setting: '', isSet: false, probe: { type: 'unusable', why: 'it is socks5://' } } }),
      [
        ['ok', /answers/],
        ['warning', /socks5/],
      ],
    ],
    [
      'through the proxy of the settings',
      tried({
        direct: failed('tcp'),
        proxied: { name: 'p:3128', setting: 'https://USER:PASSWORD@p:3128', isSet: true, probe: reached },
        pins: ['k'],
      }),
      [['ok', /hub\.example:6443 through the proxy p:3128, as the settings say, answers, with the key that was pinned/]],
    ],
    [
      'a proxy of the settings that shows another key',
      tried({
        proxied: { name: 'p:3128', setting: 'https://USER:PASSWORD@p:3128', isSet: true, probe: reached },
        pins: ['other'],
      }),
      [['error', /through the proxy p:3128.*has the key k, not one that this node pinned/]],
    ],
    [
      'a proxy of the settings that does not let through, and is not needed',
      tried({ proxied: { name: 'p:3128', setting: 'https://USER:PASSWORD@p:3128', isSet: true, probe: failed('proxy') } }),
      [['error', /not reached by the proxy of the settings: W → It is reached straight: take "proxy" out/]],
    ],
    [
      'a proxy of the settings that breaks TLS open',
      tried({ direct: failed('tcp'), proxied: { name: 'p:3128', setting: '', isSet: true, probe: failed('tls') } }),
      [['error', /not reached by the proxy of the settings: W → Is the port right\? Something between/]],
    ],
    [
      'a proxy of the settings that does not let through, and is',
      tried({
        direct: failed('tcp'),
        proxied: { name: 'p:3128', setting: 'https://USER:PASSWORD@p:3128', isSet: true, probe: failed('proxy') },
      }),
      [['error', /not reached by the proxy of the settings: W → Is it the right proxy, does it allow CONNECT/]],
    ],
  ])('%s', (_, facts, expected) => checkVerdicts(judgeServer(facts), expected));
});

test('whatever a machine has written there, reading it never throws', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string(), (text, other) => {
      listeners(text, 6443);
      ufwAllows(`### tuple ### allow ${text} ${other}`, 6443);
      mountOf(`1 2 3 4 ${text} ${other} - ${text}`, '/');
    }),
  );
});
