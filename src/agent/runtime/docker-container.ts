import type { ObservedContainer } from '../plan/observed.ts';
import { field, number, text } from './docker-engine.ts';
import { asLabels, podOfName, readLabels, writeLabels, type Owner } from './labels.ts';
import type { ContainerSpec, Mount, SandboxSpec } from './runtime.ts';

/** The engine's containers in its own words: what is sent to make one, and what is read of one. */

export type DockerSettings = { readonly node: string; readonly cgroupParent: (podUid: string) => string };

/** Bounded, and cheap on flash: the engine's own binary format, rotated. */
const LOG_CONFIG = { Type: 'local', Config: { 'max-size': '10m', 'max-file': '3' } };
/** Enough for a process that holds namespaces, whatever goes wrong with it. */
const PAUSE_PIDS_MAX = 1024;
export const CPU_PERIOD_MICROS = 100_000;

export function sandboxBody(
  spec: SandboxSpec,
  pauseImage: string,
  { node, cgroupParent }: DockerSettings,
  networkDisabled: boolean,
): unknown {
  return {
    Image: pauseImage,
    ...(spec.hostNetwork ? {} : { Hostname: spec.hostname, NetworkDisabled: networkDisabled }),
    Labels: writeLabels(node, spec.labels),
    HostConfig: {
      NetworkMode: spec.hostNetwork ? 'host' : networkDisabled ? 'default' : 'none',
      IpcMode: spec.hostIpc ? 'host' : 'shareable',
      PidMode: spec.hostPid ? 'host' : '',
      ...(spec.hostNetwork && Object.keys(spec.sysctls).length === 0 ? {} : { Sysctls: spec.sysctls }),
      CgroupParent: cgroupParent(spec.labels.podUid),
      LogConfig: { Type: 'none' },
      RestartPolicy: { Name: 'no' },
      PidsLimit: PAUSE_PIDS_MAX,
      SecurityOpt: ['no-new-privileges'],
    },
  };
}

export function containerBody(spec: ContainerSpec, { node, cgroupParent }: DockerSettings): unknown {
  const { resources } = spec;
  return {
    Image: spec.image,
    Labels: writeLabels(node, spec.labels),
    Env: spec.environment,
    Tty: spec.tty,
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce,
    StopTimeout: spec.stopGraceSeconds,
    ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
    ...(spec.command === undefined ? {} : { Cmd: spec.command }),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    // A health check of the image would run a process of the engine's beside our own probes.
    Healthcheck: { Test: ['NONE'] },
    HostConfig: {
      NetworkMode: `container:${spec.sandboxId}`,
      IpcMode: spec.hostIpc ? 'host' : `container:${spec.sandboxId}`,
      PidMode: spec.pid === 'host' ? 'host' : spec.pid === 'sandbox' ? `container:${spec.sandboxId}` : '',
      CgroupParent: cgroupParent(spec.labels.podUid),
      Mounts: spec.mounts.map(mountBody),
      LogConfig: LOG_CONFIG,
      RestartPolicy: { Name: 'no' },
      ReadonlyRootfs: spec.readOnlyRoot,
      Privileged: spec.privileged,
      CapAdd: spec.capabilitiesAdded,
      CapDrop: spec.capabilitiesDropped,
      GroupAdd: spec.groups,
      SecurityOpt: spec.securityOptions,
      ...(spec.unmaskedProc ? { MaskedPaths: [], ReadonlyPaths: [] } : {}),
      CpuShares: resources.cpuShares,
      ...(resources.cpuQuotaMicros === 0 ? {} : { CpuPeriod: CPU_PERIOD_MICROS, CpuQuota: resources.cpuQuotaMicros }),
      // No swap beyond the limit, as upstream.
      ...(resources.memoryBytes === 0 ? {} : { Memory: resources.memoryBytes, MemorySwap: resources.memoryBytes }),
      OomScoreAdj: resources.oomScoreAdj,
      PidsLimit: CONTAINER_PIDS_MAX,
    },
  };
}

/** A fork bomb stays in its own container; more threads than any service on a board has. */
const CONTAINER_PIDS_MAX = 16_384;

function mountBody({ source, target, readOnly, propagation }: Mount): unknown {
  return {
    Type: 'bind',
    Source: source,
    Target: target,
    ReadOnly: readOnly,
    BindOptions: { Propagation: propagation ?? 'rprivate' },
  };
}

/** What an inspect tells, or undefined if the container is not this node's. */
export function parseContainer(owner: Owner, inspected: unknown): ObservedContainer | undefined {
  const config = field(inspected, 'Config');
  const labels = readLabels(owner, asLabels(field(config, 'Labels')));
  if (labels === undefined) return undefined;
  const state = field(inspected, 'State');
  const started = timeOf(field(state, 'StartedAt'));
  const finished = timeOf(field(state, 'FinishedAt'));
  return {
    id: text(field(inspected, 'Id')),
    ...podOfName(text(field(inspected, 'Name'))),
    podUid: labels.podUid,
    name: labels.container,
    attempt: labels.attempt,
    sandboxAttempt: labels.sandboxAttempt,
    hash: labels.hash,
    state: stateOf(text(field(state, 'Status'))),
    pid: number(field(state, 'Pid')),
    exitCode: number(field(state, 'ExitCode')),
    oomKilled: field(state, 'OOMKilled') === true,
    error: text(field(state, 'Error')),
    ...(started === undefined ? {} : { startedWallMs: started }),
    ...(finished === undefined ? {} : { finishedWallMs: finished }),
    image: text(field(config, 'Image')),
    imageId: text(field(inspected, 'Image')),
    stopGraceMs: stopGraceSeconds(field(config, 'StopTimeout')) * 1000,
  };
}

const STOP_GRACE_SECONDS_DEFAULT = 30;

function stopGraceSeconds(value: unknown): number {
  return typeof value === 'number' && value >= 0 ? value : STOP_GRACE_SECONDS_DEFAULT;
}

/** A paused container runs, as far as starting it anew goes; one that is being removed is over. */
function stateOf(status: string): ObservedContainer['state'] {
  if (status === 'created') return 'created';
  return status === 'running' || status === 'paused' || status === 'restarting' ? 'running' : 'exited';
}

/** The engine writes year 1 for never. */
function timeOf(value: unknown): number | undefined {
  const ms = Date.parse(text(value));
  return Number.isNaN(ms) || ms <= 0 ? undefined : ms;
}
