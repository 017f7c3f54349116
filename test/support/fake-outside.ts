import type { MachineFacts, Outside } from '../../src/doctor/outside/outside.ts';
import type { EngineReply } from '../../src/install/engine-get.ts';
import type { Ran } from '../../src/install/run-program.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { manualClock } from './manual-clock.ts';

/** A machine as the doctor sees it, from a few words: files, programs by their command line, answers of the engine by path. */
export type FakeMachine = {
  /** A text that is undefined: the file is there, and not ours to read. */
  readonly files?: Readonly<Record<string, string | undefined>>;
  readonly links?: Readonly<Record<string, string>>;
  /** What it prints, or the exit code it fails with; null: it never ends. */
  readonly programs?: Readonly<Record<string, string | number | null>>;
  readonly engine?: Readonly<Record<string, unknown>>;
  readonly machine?: Partial<MachineFacts>;
  readonly environment?: Readonly<Record<string, string>>;
  readonly clock?: Outside['clock'];
};

export function fakeOutside({
  files = {},
  links = {},
  programs = {},
  engine,
  machine,
  environment = {},
  clock = manualClock(),
}: FakeMachine): Outside {
  const paths = [...Object.keys(files), ...Object.keys(links)];
  const read: Outside['read'] = async (path) => {
    if (!Object.hasOwn(files, path)) return { type: 'absent' };
    const text = files[path];
    return text === undefined ? { type: 'denied' } : { type: 'text', text };
  };
  return {
    read,
    readEnd: read,
    list: async (folder) => {
      const below = paths.filter((path) => path.startsWith(`${folder}/`));
      return [...new Set(below.map((path) => path.slice(folder.length + 1).split('/')[0] ?? ''))];
    },
    exists: async (path) => paths.some((known) => known === path || known.startsWith(`${path}/`)),
    linkTarget: async (path) => links[path],
    space: async () => ({ bytes: 1e10, bytesFree: 9e9, inodes: 0, inodesFree: 0 }),
    run: (argv) => {
      const answer = programs[argv.join(' ')];
      if (answer === null) return new Promise<Ran>(() => undefined);
      if (answer === undefined) return Promise.resolve({ type: 'missing' });
      const ended = { type: 'ended', code: 0, stdout: '', stderr: '' } as const;
      return Promise.resolve(
        typeof answer === 'number' ? { ...ended, code: answer, stderr: 'no' } : { ...ended, stdout: answer },
      );
    },
    engineGet: async (_, path): Promise<EngineReply> => {
      if (engine === undefined) return { type: 'absent', why: 'ENOENT' };
      const found = engine[path.replace(/\?.*/, '')];
      return found === undefined ? { type: 'refused', status: 404, why: 'no such thing' } : { type: 'answer', value: found };
    },
    probeServer: async () => ({ type: 'failed', step: 'tcp', why: 'ECONNREFUSED' }),
    timeSyncs: async () => ({ type: 'measured', eachMs: [1, 2, 3] }),
    machine: {
      programArch: 'arm64',
      kernelArch: 'aarch64',
      kernelRelease: '6.1.0',
      memoryBytes: 1024 ** 3,
      isRoot: true,
      pid: 1,
      hostname: 'board-7',
      ...machine,
    },
    environment,
    clock,
    ids: systemIds,
  };
}
