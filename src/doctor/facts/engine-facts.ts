import type { EngineReply } from '#install/engine-get.ts';
import { dataRootsOf, settingsFileOf } from '#install/engine-settings.ts';
import { outputOf, textOf, type Outside } from '../outside/outside.ts';
import type { Scene } from '../scene.ts';
import { valueOf } from './value-of.ts';
import { lastLine, lastWords, runOf } from './last-words.ts';
import { field, listField, textField } from '#lib/json-field.ts';

/** What the container engine says of itself. Asked without an API version, so that any engine answers. */
export type EngineFacts =
  | { readonly type: 'engine'; readonly socketPath: string; readonly about: EngineAbout }
  | {
      readonly type: 'none';
      readonly socketPath: string;
      readonly why: 'absent' | 'denied' | 'silent' | 'refused';
      readonly words: string;
      /** Programs of engines that are on this machine. */
      readonly installed: readonly string[];
      readonly hasSystemd: boolean;
      /** Where an engine that runs keeps its images, by its settings. */
      readonly usualRoot: string;
      /** Of Docker's service, where it has failed. */
      readonly service: ServiceEnd | undefined;
    };

/** `state` and `result` as systemd says, and what it said last itself. */
export type ServiceEnd = { readonly state: string; readonly result: string; readonly says: string | undefined };

export type EngineAbout = {
  readonly name: 'Docker' | 'Podman';
  readonly version: string;
  readonly apiVersion: string;
  /** As Go names it: amd64, arm64, arm. */
  readonly arch: string;
  readonly osType: string;
  /** The kernel that it runs on; empty where it does not say. */
  readonly kernel: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly storageDriver: string;
  readonly cgroupDriver: string;
  readonly cgroupVersion: string;
  readonly loggingDriver: string;
  readonly liveRestore: boolean;
  readonly swarm: string;
  readonly rootDir: string;
  readonly rootless: boolean;
  readonly warnings: readonly string[];
};

const SERVICE = 'docker.service';
const SETTINGS = settingsFileOf([]);

export async function readEngine(scene: Pick<Scene, 'outside' | 'asked'>, signal: AbortSignal): Promise<EngineFacts> {
  const { outside } = scene;
  const socketPath = scene.asked.docker;
  const [version, info] = await Promise.all([
    outside.engineGet(socketPath, '/version', signal),
    outside.engineGet(socketPath, '/info', signal),
  ]);
  for (const reply of [version, info])
    if (reply.type !== 'answer')
      return {
        ...noEngine(reply),
        socketPath,
        installed: await enginesOn(outside),
        hasSystemd: await outside.exists('/run/systemd/system'),
        usualRoot: dataRootsOf(await textOf(outside.read(SETTINGS)), []).join(''),
        service: reply.type === 'denied' ? undefined : await serviceEnd(scene, signal),
      };
  return { type: 'engine', socketPath, about: aboutOf(version, info) };
}

function aboutOf(versionReply: EngineReply, infoReply: EngineReply): EngineAbout {
  const version = versionReply.type === 'answer' ? versionReply.value : undefined;
  const info = infoReply.type === 'answer' ? infoReply.value : undefined;
  const isPodman = listField(version, 'Components').some((part) => textField(part, 'Name').includes('Podman'));
  return {
    name: isPodman ? 'Podman' : 'Docker',
    version: textField(version, 'Version'),
    apiVersion: textField(version, 'ApiVersion'),
    arch: textField(version, 'Arch'),
    osType: textField(info, 'OSType'),
    kernel: textField(info, 'KernelVersion'),
    cpus: Number(field(info, 'NCPU') ?? 0),
    memoryBytes: Number(field(info, 'MemTotal') ?? 0),
    storageDriver: textField(info, 'Driver'),
    cgroupDriver: textField(info, 'CgroupDriver'),
    cgroupVersion: textField(info, 'CgroupVersion'),
    loggingDriver: textField(info, 'LoggingDriver'),
    liveRestore: field(info, 'LiveRestoreEnabled') === true,
    swarm: textField(info, 'Swarm', 'LocalNodeState'),
    rootDir: textField(info, 'DockerRootDir'),
    rootless: listField(info, 'SecurityOptions').some((option) => String(option).includes('rootless')),
    warnings: listField(info, 'Warnings').map(String),
  };
}

async function serviceEnd(scene: Pick<Scene, 'outside' | 'asked'>, signal: AbortSignal): Promise<ServiceEnd | undefined> {
  const argv = [
    'systemctl',
    'show',
    SERVICE,
    '--property=ActiveState,Result,NRestarts,ExecMainStartTimestampMonotonic,InvocationID',
  ];
  const shown = outputOf(await scene.outside.run(argv, signal)) ?? '';
  const of = (key: string) => valueOf(shown, key) ?? '';
  const [state, result] = [of('ActiveState'), of('Result')];
  if (state !== 'failed' && (result === '' || result === 'success')) return undefined;
  return { state, result, says: await lastWords(scene, runOf(SERVICE, shown), lastLine, signal) };
}

function noEngine(reply: Exclude<EngineReply, { readonly type: 'answer' }>) {
  switch (reply.type) {
    case 'absent':
      return { type: 'none', why: 'absent', words: reply.why } as const;
    case 'denied':
      return { type: 'none', why: 'denied', words: 'permission denied' } as const;
    case 'silent':
      return { type: 'none', why: 'silent', words: `no answer within ${reply.afterMs / 1000} s` } as const;
    case 'refused':
      return { type: 'none', why: 'refused', words: reply.why } as const;
  }
}

async function enginesOn(outside: Outside): Promise<readonly string[]> {
  const found = await Promise.all(
    ['dockerd', 'podman'].map(async (name) => {
      const there = await Promise.all(
        ['/usr/bin', '/usr/sbin', '/usr/local/bin'].map((folder) => outside.exists(`${folder}/${name}`)),
      );
      return there.includes(true) ? [name] : [];
    }),
  );
  return found.flat();
}
