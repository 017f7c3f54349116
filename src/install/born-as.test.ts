import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { refuseOtherMode } from './born-as.ts';
import { layoutIn, type Mode } from './layout.ts';
import { unitFile } from './units.ts';

const IDENTITY = JSON.stringify({ server: { host: '10.0.0.1', port: 6443 }, joined: { node: 'b1' } });
const NODE = { 'agent/identity.json': IDENTITY };
const SERVER = { 'server/state.db': '' };

type Case = {
  readonly files: Readonly<Record<string, string>>;
  readonly unit?: Mode;
  readonly isInstalled?: boolean;
  readonly isInstalledOne?: boolean;
};

/** `expected`: undefined, or what the refusal says. DIR stands for the data's folder. */
function checkInstall(
  mode: Mode,
  { files, unit, isInstalled = true, isInstalledOne = false }: Case,
  expected: readonly string[] | undefined,
): void {
  const folder = mkdtempSync(join(tmpdir(), 'skerry-born-'));
  try {
    const layout = layoutIn(folder);
    const dataDir = join(folder, 'data');
    const all: Readonly<Record<string, string>> = {
      ...Object.fromEntries(Object.entries(files).map(([name, text]) => [join(dataDir, name), text])),
      ...(unit === undefined ? {} : { [unitFile(layout, unit)]: '' }),
    };
    for (const [file, text] of Object.entries(all)) {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
    const asked = {
      mode,
      layout,
      dataDirs: [join(folder, 'new'), dataDir],
      usualDataDir: '/var/lib/skerry',
      isInstalled,
      isInstalledOne,
    };
    let said: string | undefined;
    try {
      refuseOtherMode(asked);
    } catch (error) {
      expect(error).toMatchObject({ code: 'OtherMode' });
      said = error instanceof Error ? error.message.replaceAll(dataDir, 'DIR') : '';
    }
    if (expected === undefined) expect(said).toBe(undefined);
    else for (const part of expected) expect(said).toContain(part);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test('a machine that is somebody is refused as the other, told who it is and how to end that', () => {
  const node = 'node b1 of the cluster at https://10.0.0.1:6443';
  checkInstall('server', { files: NODE, unit: 'agent' }, [node, 'skerry reset --data-dir DIR`', 'run this line again']);
  checkInstall('server', { files: NODE, isInstalled: false }, [node, 'kubectl delete node b1', 'rm -r DIR/agent']);
  checkInstall('server', { files: { 'agent/identity.json': '{' } }, ['is a node of the cluster at another server']);
  const server = 'the server of a cluster (its data is in DIR/server)';
  checkInstall('agent', { files: { ...SERVER, ...NODE }, unit: 'server' }, [server, 'skerry uninstall --purge --data-dir DIR`']);
  // The program is gone with the rest: there is no line to run again.
  checkInstall('agent', { files: SERVER, isInstalledOne: true }, [
    'ends that cluster',
    'then install the agent as at first (install.sh',
  ]);
  checkInstall('agent', { files: SERVER, isInstalled: false }, [server, 'rm -rf DIR/server']);
});

test('one that is nobody, or the same already, is not', () => {
  for (const mode of ['server', 'agent'] as const) checkInstall(mode, { files: {} }, undefined);
  // A join that never came to be.
  checkInstall('server', { files: { 'agent/node.key': '' }, unit: 'agent' }, undefined);
  // Its own node.
  checkInstall('server', { files: { ...SERVER, ...NODE }, unit: 'server' }, undefined);
  checkInstall('server', { files: { ...SERVER, ...NODE } }, undefined);
  checkInstall('agent', { files: NODE }, undefined);
  checkInstall('agent', { files: { ...SERVER, ...NODE }, unit: 'agent' }, undefined);
});
