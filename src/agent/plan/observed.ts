/**
 * What the loop saw on this node, as the plan takes it: containers that are ours, images, wiring, volumes and what this process is
 * busy with or has just failed at. Plain data; whatever is not ours is not in here, so nothing can be planned for it.
 */
export type Observed = {
  readonly pods: ReadonlyMap<string, ObservedPod>;
  /** By normalised reference (images/reference.ts). */
  readonly images: ReadonlyMap<string, ObservedImage>;
  /** Pod uid → the sandbox that is wired, and with which address. */
  readonly wired: ReadonlyMap<string, { readonly sandboxId: string; readonly address: string }>;
  /** Pod uid → of what its volumes were last made (volumesFingerprint); `''` where a pod folder stands whose making is unknown. */
  readonly volumes: ReadonlyMap<string, string>;
  /** Ids of running containers that do not have their pod's folder any more: it was removed, moved or mounted over under them. */
  readonly adrift: ReadonlySet<string>;
  /** `<pod uid>/<image>` → how this process's pulls of it go. */
  readonly pulls: ReadonlyMap<string, Pull>;
  /** `<pod uid>/<step>` → the last failure of a step of this pod (`sandbox`, `wiring`, `volumes`, `container/<name>`), until it succeeds. */
  readonly failures: ReadonlyMap<string, StepFailure>;
  /** Ids of containers that this process has sent the stop signal. */
  readonly signalled: ReadonlySet<string>;
  /** Container id → what its probes have found, counted against their thresholds, since this process began. */
  readonly verdicts: ReadonlyMap<string, ProbeVerdicts>;
  /** The node's own address, for hostIP. */
  readonly hostAddress: string | undefined;
};

export type ProbeKind = 'startup' | 'readiness' | 'liveness';
export type ProbeVerdict = 'success' | 'failure';
/** One that is missing has not reached a threshold yet. */
export type ProbeVerdicts = { readonly [K in ProbeKind]?: ProbeVerdict };

export type ObservedPod = { readonly sandboxes: readonly ObservedContainer[]; readonly containers: readonly ObservedContainer[] };

export type ObservedContainer = {
  readonly id: string;
  readonly podUid: string;
  /** `namespace` and `name` of the pod, from the container's own name. */
  readonly namespace: string;
  readonly podName: string;
  /** The container's name in the pod; '' for a sandbox. */
  readonly name: string;
  readonly attempt: number;
  readonly sandboxAttempt: number;
  readonly hash: string;
  readonly state: 'created' | 'running' | 'exited';
  readonly pid: number;
  readonly exitCode: number;
  readonly oomKilled: boolean;
  /** Why the engine could not start it; '' if it could. */
  readonly error: string;
  readonly startedWallMs?: number;
  readonly finishedWallMs?: number;
  readonly image: string;
  readonly imageId: string;
  readonly stopGraceMs: number;
  /** What it left as its termination message; read once it is dead. */
  readonly message?: string;
};

export type ObservedImage = {
  readonly id: string;
  /** `repository@sha256:…` where it came from a registry. */
  readonly digest?: string;
  readonly sizeBytes: number;
};

export type Pull =
  | { readonly state: 'pulling' }
  | { readonly state: 'done' }
  | {
      readonly state: 'failed';
      readonly message: string;
      /** The registry could not be asked at all (it may well have the image). */
      readonly unreachable: boolean;
      readonly failures: number;
      readonly atMs: number;
    };

export type StepFailure = { readonly reason: string; readonly message: string; readonly atMs: number; readonly failures: number };

/** `runningMs`: time this node has been running (running-time.ts); `wallMs`: what the clock says, for display only; `bootId`: of the machine. */
export type Now = { readonly wallMs: number; readonly runningMs: number; readonly bootId: string };

export const NOTHING_OBSERVED: ObservedPod = { sandboxes: [], containers: [] };
