import type { ObservedContainer, ObservedImage } from '../plan/observed.ts';

/**
 * A container engine as the agent uses it: the one door to it, implemented by docker-runtime.ts (and, for tests, in memory by
 * test/support/fake-runtime.ts; one contract suite holds for both). Every call ends: with its answer, with the caller's abort, or with a
 * SkerryError of one of these codes:
 *  EngineAbsent   nothing answers at the socket;      EngineTimeout  it took the call and does not answer;
 *  NotFound       no such container or image;         EngineRefused  it answered with an error, which is the message;
 *  PullFailed     the registry refused;               RegistryUnreachable  the registry did not answer;
 *  StartFailed    the container cannot be started (it stays, as created, with the error).
 */
export type Runtime = {
  /** Where the engine is looked for, `unix:///var/run/docker.sock`. */
  readonly where: string;
  readonly info: (signal: AbortSignal) => Promise<EngineInfo>;
  /** Containers of this node's pods, sandboxes among them (name ''); of one pod, or of all. Never anybody else's. */
  readonly list: (podUid: string | undefined, signal: AbortSignal) => Promise<readonly ObservedContainer[]>;
  /** By normalised reference. */
  readonly images: (signal: AbortSignal) => Promise<ReadonlyMap<string, ObservedImage>>;
  readonly inspectImage: (image: string, signal: AbortSignal) => Promise<ImageConfig>;
  /** Resolves once the image is on this node. No time limit but `signal`'s and that some progress comes within PULL_SILENCE_MS_MAX. */
  readonly pull: (image: string, auth: RegistryAuth | undefined, signal: AbortSignal) => Promise<void>;
  /** Creates and starts. A sandbox of that name that is already there is started if need be, and is the answer. */
  readonly createSandbox: (spec: SandboxSpec, signal: AbortSignal) => Promise<string>;
  /** Creates, and does not start. A container of that name that is already there is the answer. */
  readonly createContainer: (spec: ContainerSpec, signal: AbortSignal) => Promise<string>;
  /** Starting what runs is no error. */
  readonly start: (id: string, signal: AbortSignal) => Promise<void>;
  /** Sends a signal (`SIGTERM`), or the container's own stop signal; to what does not run: nothing. */
  readonly signalContainer: (id: string, name: string | undefined, signal: AbortSignal) => Promise<void>;
  /** Kills it if it runs. Removing what is gone is no error. */
  readonly remove: (id: string, signal: AbortSignal) => Promise<void>;
  /** What may go once a pod's containers are removed: its cgroup. */
  readonly removePodTraces: (podUid: string, signal: AbortSignal) => Promise<void>;
  /** Images that we have made ourselves, those of sandboxes; gives their names. One that a container was made from stays. */
  readonly removeOwnImages: (signal: AbortSignal) => Promise<readonly string[]>;
  /** Runs a command in a running container to its end, or to the end of its time: then it is killed, with what it has started. */
  readonly exec: (id: string, command: readonly string[], options: ExecOptions, signal: AbortSignal) => Promise<ExecResult>;
  /** stdout and stderr as one stream of bytes, each line after its RFC 3339 time where asked for. */
  readonly logs: (id: string, options: LogOptions, signal: AbortSignal) => AsyncIterable<Uint8Array>;
  /** What happened, from `listening` on: look at everything then, for what happened before is not told. Throws when the engine goes away. */
  readonly events: (signal: AbortSignal) => AsyncIterable<RuntimeEvent>;
};

export type ExecOptions = { readonly timeoutMs: number; readonly outputBytesMax: number };

export type ExecResult =
  | { readonly type: 'exited'; readonly exitCode: number; readonly output: string }
  | { readonly type: 'timed-out' };

export type RuntimeEvent =
  | { readonly type: 'listening' }
  /** Of which pod a container was created, started, died or was removed. */
  | { readonly type: 'container'; readonly podUid: string; readonly id: string; readonly change: 'started' | 'died' | 'other' }
  | { readonly type: 'image' };

export type EngineInfo = {
  readonly name: string;
  readonly version: string;
  readonly apiVersion: string;
  /** As GOARCH: amd64, arm64. */
  readonly architecture: string;
  readonly cgroupDriver: string;
  readonly cpus: number;
  readonly memoryBytes: number;
};

export type ImageConfig = { readonly id: string; readonly user: string; readonly sizeBytes: number };

export type RegistryAuth = { readonly username: string; readonly password: string; readonly serverAddress: string };

export type PodLabels = {
  readonly podUid: string;
  /** '' for a sandbox. */
  readonly container: string;
  readonly attempt: number;
  readonly sandboxAttempt: number;
  readonly hash: string;
};

export type SandboxSpec = {
  readonly name: string;
  readonly labels: PodLabels;
  readonly hostname: string;
  readonly hostNetwork: boolean;
  readonly hostPid: boolean;
  readonly hostIpc: boolean;
  readonly sysctls: Readonly<Record<string, string>>;
  /** Of the pod as a whole, beside other pods. */
  readonly cpuShares: number;
};

export type ContainerSpec = {
  readonly name: string;
  readonly labels: PodLabels;
  readonly sandboxId: string;
  readonly image: string;
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly environment: readonly string[];
  readonly workingDir?: string;
  /** `uid` or `uid:gid`. */
  readonly user?: string;
  readonly groups: readonly string[];
  readonly mounts: readonly Mount[];
  readonly readOnlyRoot: boolean;
  readonly privileged: boolean;
  readonly capabilitiesAdded: readonly string[];
  readonly capabilitiesDropped: readonly string[];
  /** As the engine's SecurityOpt: `seccomp=unconfined`, `no-new-privileges`. */
  readonly securityOptions: readonly string[];
  /** Nothing under /proc is hidden. */
  readonly unmaskedProc: boolean;
  readonly pid: 'own' | 'sandbox' | 'host';
  readonly hostIpc: boolean;
  readonly resources: ContainerResources;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly stdinOnce: boolean;
  readonly stopSignal?: string;
  readonly stopGraceSeconds: number;
};

export type ContainerResources = {
  readonly cpuShares: number;
  /** Microseconds of CPU in each CPU_PERIOD_MICROS; 0: no limit. */
  readonly cpuQuotaMicros: number;
  /** 0: no limit. */
  readonly memoryBytes: number;
  readonly oomScoreAdj: number;
};

export type Mount = {
  readonly source: string;
  readonly target: string;
  readonly readOnly: boolean;
  readonly propagation?: 'rprivate' | 'rslave' | 'rshared';
};

export type LogOptions = {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  /** Milliseconds since the epoch, by the node's clock. */
  readonly sinceMs?: number;
};
