import { cpSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildImage } from '../../scripts/lab/images.ts';
import { run, type Output } from '../../scripts/lab/exec.ts';
import { PROGRAM } from '../../scripts/lab/lab.ts';
import { boot, type BootedRoot } from './booted-root.ts';
import { kubectl } from './kubectl.ts';
import { writeInstallable } from './release-folder.ts';
import { newTestKey } from './release-world.ts';
import { createRoot, debsFor, type Root, type RootName } from './root.ts';

/** A release on a stick, and a machine without a network that is booted with it: what `skerry install` and the verbs after it are tried on. */
export const TOOLS = ['iproute2', 'nftables'];
export const UNITS = '/etc/systemd/system';
export const CONFIG = '/etc/skerry/config.yaml';

/** Of no cluster: a card that finds no server keeps on trying. */
export const STRANGE_TOKEN = `skr1.${'A'.repeat(43)}.abcdefgh.${'B'.repeat(32)}`;

export type Stick = {
  /** Has the packed release with its install.sh, and as `skerry` the program itself. */
  readonly folder: string;
  /** Another one, with the packages that such a system lacks too; and more, as a stick for several machines has. */
  readonly forSystem: (name: RootName) => Promise<string>;
  readonly remove: () => void;
};

export async function makeStick(): Promise<Stick> {
  const version = (await run(PROGRAM, ['--version'])).trim().replace('skerry ', '');
  const folder = mkdtempSync(join(tmpdir(), 'skerry-release-'));
  const folders = [folder];
  writeInstallable(folder, readFileSync(PROGRAM), { version, baseUrl: 'http://releases.example', key: newTestKey() });
  cpSync(PROGRAM, join(folder, 'skerry'));
  return {
    folder,
    forSystem: async (name) => {
      const stick = mkdtempSync(join(tmpdir(), 'skerry-stick-'));
      folders.push(stick);
      for (const file of readdirSync(folder).filter((other) => /^(?:install\.sh|SHA256SUMS.*|.*\.gz)$/.test(other)))
        cpSync(join(folder, file), join(stick, file));
      cpSync(await debsFor(name, [...TOOLS, 'docker.io', 'apparmor']), stick, { recursive: true });
      return stick;
    },
    remove: () => {
      for (const each of folders) rmSync(each, { recursive: true });
    },
  };
}

export type StickMachine = Pick<BootedRoot, 'run' | 'must'> & {
  readonly disk: Root;
  /** A file of the machine, as this one sees it. */
  readonly inside: (path: string) => string;
  readonly textOf: (path: string) => string;
  /** The one that is installed there. */
  readonly skerry: (...args: readonly string[]) => Promise<Output>;
  readonly installScript: (...args: readonly string[]) => Promise<Output>;
  readonly mainPid: (mode: 'server' | 'agent') => Promise<number>;
  /** By the administrator's kubeconfig of the server that has its data there. */
  readonly kube: (dataDir: string, ...args: readonly string[]) => Promise<string>;
  /** Throws where the server of the machine does not. */
  readonly isReady: () => Promise<true>;
  /** A power cut, and a boot. */
  readonly reboot: () => Promise<void>;
  readonly remove: () => Promise<void>;
};

/** The stick is mounted at /stick, and has kubectl, image.tar (demo/sleep:1) and the packages beside the release. */
export async function startStickMachine(): Promise<StickMachine> {
  const stick = await makeStick();
  const work = mkdtempSync(join(tmpdir(), 'skerry-image-'));
  try {
    cpSync(kubectl('1.36'), join(stick.folder, 'kubectl'));
    cpSync(await buildImage(work, { reference: 'demo/sleep:1', command: ['sleep', '10000'] }), join(stick.folder, 'image.tar'));
    cpSync(await debsFor('booted', TOOLS), stick.folder, { recursive: true });
  } finally {
    rmSync(work, { recursive: true });
  }
  const disk = await createRoot('booted');
  let machine = await boot(disk, { '/stick': stick.folder });
  const inside = (path: string) => join(disk.folder, path);
  const must: BootedRoot['must'] = (...argv) => machine.must(...argv);
  const runIn: BootedRoot['run'] = (...argv) => machine.run(...argv);
  return {
    disk,
    run: runIn,
    must,
    inside,
    textOf: (path) => readFileSync(inside(path), 'utf8'),
    skerry: (...args) => runIn('skerry', ...args),
    installScript: (...args) => runIn('sh', '/stick/install.sh', ...args, '--offline', '/stick'),
    mainPid: async (mode) => Number(await must('systemctl', 'show', '-p', 'MainPID', '--value', `skerry-${mode}`)),
    kube: (dataDir, ...args) => must('/stick/kubectl', '--kubeconfig', `${dataDir}/admin.kubeconfig`, ...args),
    isReady: async () => {
      await must('curl', '-skf', 'https://127.0.0.1:6443/readyz');
      return true;
    },
    reboot: async () => {
      await machine.cut();
      machine = await boot(disk, { '/stick': stick.folder });
    },
    remove: async () => {
      await machine.cut();
      disk.remove();
      stick.remove();
    },
  };
}
