import { fieldsOf } from '#lib/json-field.ts';
import type { Shape } from './allow.ts';

/** What of each thing that is packed is known to be harmless. Whoever adds a field here has asked: can a user have put a secret into it? */
export const ENGINE_INFO: Shape = {
  ServerVersion: 'plain',
  Driver: 'plain',
  LoggingDriver: 'plain',
  CgroupDriver: 'plain',
  CgroupVersion: 'plain',
  NCPU: 'plain',
  MemTotal: 'plain',
  Containers: 'plain',
  ContainersRunning: 'plain',
  ContainersPaused: 'plain',
  ContainersStopped: 'plain',
  Images: 'plain',
  MemoryLimit: 'plain',
  SwapLimit: 'plain',
  PidsLimit: 'plain',
  CPUShares: 'plain',
  KernelVersion: 'plain',
  OperatingSystem: 'plain',
  OSType: 'plain',
  Architecture: 'plain',
  LiveRestoreEnabled: 'plain',
  DockerRootDir: 'plain',
  DefaultRuntime: 'plain',
  SystemTime: 'plain',
  Debug: 'plain',
  ExperimentalBuild: 'plain',
  Swarm: { LocalNodeState: 'plain' },
  SecurityOptions: ['plain'],
  Warnings: ['plain'],
};

export const ENGINE_VERSION: Shape = {
  Version: 'plain',
  ApiVersion: 'plain',
  MinAPIVersion: 'plain',
  Os: 'plain',
  Arch: 'plain',
  KernelVersion: 'plain',
  Components: [{ Name: 'plain', Version: 'plain' }],
};

/** Names only: `PATH=…` is told as `PATH`. */
const namesOfEnvironment = (value: unknown): unknown =>
  Array.isArray(value) ? value.filter((entry) => typeof entry === 'string').map((entry) => entry.split('=')[0]) : undefined;

const ourLabels = (value: unknown): unknown =>
  Object.fromEntries(
    Object.entries(fieldsOf(value)).filter(([name, label]) => name.startsWith('io.skerry.') && typeof label === 'string'),
  );

export const CONTAINER: Shape = {
  Id: 'plain',
  Name: 'plain',
  Created: 'plain',
  Image: 'plain',
  RestartCount: 'plain',
  Driver: 'plain',
  State: {
    Status: 'plain',
    Running: 'plain',
    Paused: 'plain',
    OOMKilled: 'plain',
    Dead: 'plain',
    Pid: 'plain',
    ExitCode: 'plain',
    Error: 'plain',
    StartedAt: 'plain',
    FinishedAt: 'plain',
  },
  HostConfig: {
    NetworkMode: 'plain',
    Memory: 'plain',
    NanoCpus: 'plain',
    CpuShares: 'plain',
    CpuQuota: 'plain',
    CpuPeriod: 'plain',
    PidsLimit: 'plain',
    CgroupParent: 'plain',
    PidMode: 'plain',
    IpcMode: 'plain',
    Privileged: 'plain',
    ReadonlyRootfs: 'plain',
    CapAdd: ['plain'],
    CapDrop: ['plain'],
    LogConfig: { Type: 'plain' },
    RestartPolicy: { Name: 'plain' },
  },
  Mounts: [{ Type: 'plain', Source: 'plain', Destination: 'plain', RW: 'plain', Propagation: 'plain' }],
  Config: { Image: 'plain', User: 'plain', WorkingDir: 'plain', Tty: 'plain', Labels: ourLabels, Env: namesOfEnvironment },
};

/** Of `ip -json address`. An alias is anybody's text, unless it is ours. */
export const ADDRESSES: Shape = [
  {
    flags: ['plain'],
    ifalias: (value) => (typeof value === 'string' && value.startsWith('skerry ') ? value : undefined),
    ...plainFields('ifindex ifname link mtu qdisc master operstate group link_type address broadcast link_netnsid'),
    addr_info: [plainFields('family local address prefixlen broadcast scope dynamic label valid_life_time preferred_life_time')],
  },
];

/** Of `ip -json route`. */
export const ROUTES: Shape = [
  { flags: ['plain'], ...plainFields('type dst gateway dev protocol scope prefsrc metric table mtu') },
];

/** Keys of the configuration whose values are no secret; of any other only its name is told. */
export const CONFIG_KEYS: readonly string[] = [
  'server',
  'data-dir',
  'docker',
  'node-name',
  'node-ip',
  'keepalive',
  'labels',
  'capacity',
  'listen',
  'agent',
  'no-agent',
  'tls-san',
  'cluster-cidr',
  'service-cidr',
  'cluster-domain',
  'token-file',
  'log-file',
  'log-level',
];

/** What `systemctl show` is asked for. Never Environment or ExecStart, which somebody may have written a token into. */
export const UNIT_PROPERTIES: readonly string[] = [
  'Id',
  'LoadState',
  'ActiveState',
  'SubState',
  'UnitFileState',
  'FragmentPath',
  'Result',
  'NRestarts',
  'MainPID',
  'ExecMainStatus',
  'ExecMainCode',
  'ExecMainStartTimestamp',
  'ActiveEnterTimestamp',
  'InactiveEnterTimestamp',
  'WatchdogUSec',
  'MemoryCurrent',
  'MemoryPeak',
  'MemoryHigh',
  'CPUUsageNSec',
  'TasksCurrent',
  'OOMScoreAdjust',
];

/** The fields of our own log lines. */
export const LOG_FIELDS: Shape = {
  ...plainFields(
    'time level msg component part loop node cluster release incarnation rev digest seq hash keyHash',
    'kind resource verb namespace name pod pods action container image attempt key of id url docker file ledger path remote',
    'waitMs failures count waiting exitCode what max added reason why remedy by holder peer command stream method starts version to back mode',
  ),
  err: { code: 'plain', message: 'plain', type: 'plain', stack: 'plain' },
};

function plainFields(...lists: readonly string[]): Readonly<Record<string, Shape>> {
  return Object.fromEntries(lists.flatMap((list) => list.split(' ')).map((name) => [name, 'plain']));
}
