import { expect, test } from 'vitest';
import { MODES } from './layout.ts';
import { unitText } from './units.ts';

/** Each of these, by systemd.exec(5), gives a service a mount namespace, or takes from Node what it lives by. */
const HARMFUL =
  /^(Private\w+|Protect\w+|ReadOnlyPaths|ReadWritePaths|InaccessiblePaths|NoExecPaths|ExecPaths|TemporaryFileSystem|Bind\w*Paths|MountFlags|MountImages|RootDirectory|RootImage|ExtensionImages|DynamicUser|StateDirectory|RuntimeDirectory|MemoryDenyWriteExecute|SystemCallFilter|NoNewPrivileges)=/m;

test.each(MODES)('the unit of the %s starts a node before, and without, all that a node can do without', (mode) => {
  const text = unitText(mode, '/lib/launch');
  expect(text).not.toMatch(HARMFUL);
  expect(text).not.toMatch(/^(Requires|BindsTo|PartOf|Requisite)=/m);
  expect(text).not.toMatch(/network-online|time-sync|^MemoryMax=/m);
  for (const line of [
    `ExecStart=/lib/launch ${mode}`,
    'Wants=docker.service',
    'After=docker.service',
    'NotifyAccess=all',
    'Restart=always',
    'StartLimitIntervalSec=0',
    'OOMScoreAdjust=-999',
  ])
    expect(text.split('\n')).toContain(line);
  expect(text.includes('MemoryHigh=64M\n')).toBe(mode === 'agent');
});
