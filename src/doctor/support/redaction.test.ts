import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allow } from './allow.ts';
import { journalLines, logLines } from './log-lines.ts';
import { redactedConfig } from './redacted-config.ts';
import { scrubLeaves, scrubber } from './scrub.ts';
import { CONTAINER, ENGINE_INFO } from './shapes.ts';

describe('only what is known is kept', () => {
  test('of a container: names of variables, our own labels, no command', () => {
    const inspected = {
      Id: 'abc',
      Args: ['--password=hunter2'],
      Config: {
        Image: 'nginx:1',
        Env: ['PATH=/bin', 'DB_PASSWORD=hunter2', 7],
        Cmd: ['--token', 'hunter2'],
        Labels: { 'io.skerry.pod': 'uid-1', 'com.example.key': 'hunter2' },
      },
      Mounts: [{ Type: 'bind', Source: '/data', DriverOpts: { password: 'hunter2' } }, 'hunter2'],
      State: { Status: 'running', Health: { Log: [{ Output: 'hunter2' }] } },
    };
    expect(allow(inspected, CONTAINER)).toEqual({
      Id: 'abc',
      Config: { Image: 'nginx:1', Env: ['PATH', 'DB_PASSWORD'], Labels: { 'io.skerry.pod': 'uid-1' } },
      Mounts: [{ Type: 'bind', Source: '/data' }],
      State: { Status: 'running' },
    });
  });

  test('of the engine: no proxies, whose URLs hold passwords', () => {
    expect(
      allow(
        { NCPU: 4, HttpsProxy: 'http://me:hunter2@p', Labels: ['k=hunter2'], Swarm: { LocalNodeState: 'inactive', x: 1 } },
        ENGINE_INFO,
      ),
    ).toEqual({
      NCPU: 4,
      Swarm: { LocalNodeState: 'inactive' },
    });
  });

  test('of our log: known fields, and no line of another hand; of the journal the words of systemd, of launch and of a crash', () => {
    const line = JSON.stringify({
      level: 'warn',
      msg: 'run failed',
      node: 'n',
      request: { body: 'hunter2' },
      err: { code: 'X', message: 'm', data: 'hunter2' },
    });
    expect(logLines(`${line}\nStarted Skerry.\n{"body":"hunter2\n`)).toBe(
      '{"level":"warn","msg":"run failed","node":"n","err":{"code":"X","message":"m"}}\n(a line of another hand)\n(a line that is cut)\n',
    );
    const entry = {
      MESSAGE: line,
      __REALTIME_TIMESTAMP: '1795000000000000',
      SYSLOG_IDENTIFIER: 'launch',
      _SYSTEMD_UNIT: 'u',
      _CMDLINE: 'hunter2',
    };
    expect(journalLines(`${JSON.stringify(entry)}\n\nnonsense\n`)).toMatch(/^2026-11-18T\S+ u launch: \{"level":"warn".*\}\n$/);
    expect(journalLines(JSON.stringify(entry))).not.toContain('hunter2');
    const said = (MESSAGE: string, more: object = {}) => JSON.stringify({ MESSAGE, SYSLOG_IDENTIFIER: 'skerry-agent', ...more });
    const journal = [
      said('skerry: join: no'),
      said("    throw new Error('hunter2')"),
      said('TypeError: x is no function'),
      said('    at run (main.js:1:2)'),
      said('Stopped Skerry.', { SYSLOG_IDENTIFIER: 'systemd' }),
      said('/etc/x.conf:3: Invalid environment assignment, ignoring: hunter2', { SYSLOG_IDENTIFIER: 'systemd' }),
      said('{"msg":"a long one","body":"', { _LINE_BREAK: 'line-max' }),
      said('skerry: hunter2"}'),
      said('the next'),
    ];
    expect(journalLines(journal.join('\n')).replaceAll('  skerry-agent: ', '').replaceAll('  systemd: ', '')).toBe(
      `skerry: join: no
(a line of another hand)
TypeError: x is no function
    at run (main.js:1:2)
Stopped Skerry.
/etc/x.conf:3: Invalid environment assignment, ignoring: (withheld)
(a line that is cut)
(a line that is cut)
(a line of another hand)
`,
    );
  });

  test('of the configuration: values of known keys', () => {
    const text =
      'server: https://hub:6443\ntoken: skr1.hunter2\nlabels:\n  site: harbour\ndata-dir: /d\nmistyped-tokn: hunter2\n';
    const { content, secrets } = redactedConfig(text);
    expect(content).toEqual({
      server: 'https://hub:6443',
      token: '[withheld]',
      labels: { site: 'harbour' },
      'data-dir': '/d',
      'mistyped-tokn': '[withheld]',
    });
    expect(scrubber(secrets)('read hunter2, and skr1.hunter2')).toBe('read [withheld], and [withheld]');
    const broken = redactedConfig('a: b\ntoken: "skr1.x\n pass: hunter2\n');
    expect(broken.content).toEqual({ unreadable: 'config.yaml:4:1', why: expect.stringContaining('closing quote') });
    expect(scrubber(broken.secrets)('hunter2')).toBe('[withheld]');
  });

  test('what has no shape is never kept', () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const value: unknown = JSON.parse(json);
        expect(JSON.stringify(allow({ secret: value, Id: 1 }, { Id: 'plain' }))).toBe('{"Id":1}');
      }),
    );
  });
});

describe('the second net', () => {
  const docker = JSON.stringify({
    auths: {
      'r.example': { username: 'deployer', password: 'swordfish1', auth: Buffer.from('deployer:tr0ub4dor').toString('base64') },
    },
  });
  const scrub = scrubber([
    'correct horse battery',
    'line one is here\nline two is here',
    'short',
    'aaaaaaaaa',
    'quoted "and\\slashed"',
    'db.password = s3same',
    'http://me:op3n/me@proxy:3128',
    docker,
  ]);
  test.each([
    ['pull: unauthorized (correct horse battery)', 'pull: unauthorized ([withheld])'],
    ['it said: line two is here!', 'it said: [withheld]!'],
    ['a short word stays', 'a short word stays'],
    ['aaaaaaaaaaaaaaaaaa', '[withheld][withheld]'],
    ['join with skr1.abc.def.ghi now', 'join with [withheld] now'],
    ['GET https://me:pass@host/x', 'GET https://[withheld]@host/x'],
    ['password: hunter2, user: me', 'password: [withheld], user: me'],
    ['{"apiKey":"x y z","n":1}', '{"apiKey":[withheld],"n":1}'],
    ['Authorization: Bearer abcdefgh12', 'Authorization: [withheld] [withheld]'],
    ['jwt eyJhbGciOiJIUzI1.eyJzdWIiOiIx.SflKxw here', 'jwt [withheld] here'],
    ['-----BEGIN PRIVATE KEY-----\nMIIE\nvQIB\n-----END PRIVATE KEY-----\nafter', '[withheld]\nafter'],
    ['key 4f3Kd92jPq8LmZx7Rt5VbN1w of x', 'key [withheld] of x'],
    ['json {"x":"quoted \\"and\\\\slashed\\""}', 'json {"x":"[withheld]"}'],
    ['a value s3same of a line', 'a value [withheld] of a line'],
    ['registry: swordfish1 and tr0ub4dor', 'registry: [withheld] and [withheld]'],
    ['the login op3n/me alone', 'the login [withheld] alone'],
    ['proxy http://me:p/a@b@host:1 refused', 'proxy http://[withheld]@host:1 refused'],
    ['proxy me:pass@host:1 refused', 'proxy [withheld]@host:1 refused'],
    ['run --db-password hunter2 --verbose', 'run --db-password [withheld] --verbose'],
    ['body {\\"password\\":\\"x y\\"}', 'body {\\"password\\":[withheld]}'],
    ['id AKIAIOSFODNN7EXAMPLE', 'id [withheld]'],
    ['root:$6$salt$hash.x/y:1', 'root:[withheld]:1'],
    ['password=/aB3xYz9/kQ8 and password: hello', 'password=[withheld] and password: [withheld]'],
    ['--token /aB3xYz9/kQ8, TOKEN: /aB3/kQ8', '--token [withheld] TOKEN: [withheld]'],
    ['run --token /aB3xYz9/kQ8', 'run --token [withheld]'],
    ['/etc/app.conf:3: token: abcdef1', '/etc/app.conf:3: token: [withheld]'],
    ['cat /etc/app/password:hunter2', 'cat /etc/app/password:[withheld]'],
    // What people need stays as it is.
    ['read the token file /etc/skerry/join-token: it is not there', undefined],
    ["read the token file /var/lib/skerry/join-token: EACCES: permission denied, open '/var/lib/skerry/join-token'", undefined],
    ['mount /run/secrets/kubernetes.io/serviceaccount/token: failed', undefined],
    ['token=/etc/skerry/join-token, --token /etc/skerry/join-token', undefined],
    ['read the join token: it does not look like one; skerry agent --server URL --token TOKEN', undefined],
    ['pull demo/web:1@sha256:3f1c2b4d5e6f708192a3b4c5d6e7f809', undefined],
    ['read --token-file /etc/skerry/token', undefined],
    ['sha256:3f1c2b4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f809', undefined],
    ['pod 0a96ffaa-08f8-45a1-b384-a1afd825e2a5 web-7d9f8c6b5-x2x4z', undefined],
    ['/var/lib/docker/overlay2/3f1c2b4d5e6f7/merged ext4', undefined],
    ['connect ECONNREFUSED 10.0.0.1:6443', undefined],
    ['kernel 6.1.0-18-arm64 #1 SMP PREEMPT_DYNAMIC Debian', undefined],
    ['the token is of another cluster', undefined],
  ])('%s', (text, expected) => {
    const left = scrub(text);
    if (expected === undefined) expect(left).toBe(text);
    else expect(left).toMatch(new RegExp(`^${expected.replaceAll(/[[\](){}.*+?^$|\\]/g, String.raw`\$&`)}$`));
  });

  test('a path is no secret, whatever variable names it', () => {
    const text = 'read /etc/skerry/join-token: ENOENT';
    expect(scrubber(['/etc/skerry/join-token', '/etc/skerry', 'AUTH=/var/lib/skerry/', '/etc/skerry/join-token\n'])(text)).toBe(
      text,
    );
    expect(scrubber(['/aB3/kQ8xYz'])('it is /aB3/kQ8xYz')).toBe('it is [withheld]');
  });

  test('a known secret is never left, whatever stands around it', () => {
    const secret = fc.string({ minLength: 8, maxLength: 40 }).filter((text) => text.trim() === text && text.length >= 8);
    fc.assert(
      fc.property(fc.array(secret, { minLength: 1, maxLength: 5 }), fc.string(), fc.string(), (secrets, before, after) => {
        const [first = ''] = secrets;
        const left = scrubber(secrets)(`${before}${first}${after}`);
        // It may come about again where the replacement meets what stood around it: only where it overlaps with that word itself.
        fc.pre(!'[withheld]'.includes(first) && !`${before}[withheld]${after}`.includes(first));
        expect(left).not.toContain(first);
      }),
    );
  });

  test('in JSON every text is looked at, names too, and nothing else is changed', () => {
    const value = {
      a: ['correct horse battery', 1, null, true],
      b: { c: 'x', password: 'y', 'token-file': '/t' },
      swordfish1: 1,
    };
    expect(scrubLeaves(value, scrub)).toEqual({
      a: ['[withheld]', 1, null, true],
      b: { c: 'x', password: '[withheld]', 'token-file': '/t' },
      '[withheld]': 1,
    });
  });

  test('a text of megabytes and thousands of secrets take no time to speak of', () => {
    const many = Array.from({ length: 5_000 }, (_, at) => `secret-number-${at}`);
    const text = 'level=info msg="nothing of note" path=/a/b/c '.repeat(40_000);
    const begin = performance.now();
    expect(scrubber(many)(text)).toBe(text);
    expect(performance.now() - begin).toBeLessThan(5_000);
  });
});
