import type { EngineAbout, EngineFacts, ServiceEnd } from '../facts/engine-facts.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import { isOlder } from './machine.ts';

/** The container engine: that it answers, that it is new enough, and that it is set so that containers outlive it. */
const API_MIN = [1, 41] as const;
/** Copy every file of every image for every container: slow, and a card is full soon. */
const COPYING_DRIVERS = ['vfs'];
const DEAD_DRIVERS = ['aufs', 'devicemapper', 'overlay'];

export function judgeEngine(facts: EngineFacts): readonly Verdict[] {
  if (facts.type === 'none') return [noEngine(facts), unknown(NOT_CHECKED)];
  const { about } = facts;
  return [
    ok(
      `${about.name} ${about.version}, API ${about.apiVersion}; storage ${about.storageDriver}, cgroup driver ${about.cgroupDriver} (v${about.cgroupVersion}), logs ${about.loggingDriver === '' ? 'its own' : about.loggingDriver}; ${about.cpus} CPUs, ${Math.round(about.memoryBytes / 1024 ** 2)} MB`,
    ),
    ...judgeVersion(about),
    ...judgeLiveRestore(about),
    ...judgeSettings(about),
    ...judgeWarnings(about.warnings),
  ];
}

const NOT_CHECKED =
  "not checked, as no engine answers: live-restore and other settings of the engine, its architecture and its images'";

/** All in one: an engine on a kernel without control groups has a dozen, of one cause. */
function judgeWarnings(warnings: readonly string[]): readonly Verdict[] {
  if (warnings.length === 0) return [];
  return [warning(`the engine warns: ${warnings.map((text) => text.replace(/^WARNING: /, '')).join('; ')}`, WARNED)];
}

const WARNED = 'What the kernel lacks for this stands in the checks "cgroups" and "kernel".';

function noEngine(facts: Extract<EngineFacts, { readonly type: 'none' }>): Verdict {
  const { socketPath, why, words, installed, hasSystemd, service } = facts;
  const where = `unix://${socketPath}`;
  if (why === 'denied') return unknown(`the engine's socket ${where} is not ours to open`, 'Run it as root: sudo skerry doctor');
  if (why === 'silent')
    return problem(
      `the engine at ${where} does not answer: ${words}`,
      'See what it is doing (journalctl -u docker -n 50); where it hangs: systemctl restart docker',
    );
  if (why === 'refused') return problem(`what answers at ${where} is no engine that can be used: ${words}`, OTHER_SOCKET);
  const message = `no container engine answers at ${where}: ${words}`;
  if (service !== undefined) return failedService(message, service);
  if (installed.includes('dockerd'))
    return problem(
      message,
      `Start it: ${hasSystemd ? 'systemctl enable --now docker' : 'service docker start'}\n${OTHER_SOCKET}`,
    );
  if (installed.includes('podman'))
    return problem(
      message,
      'Start its socket: systemctl enable --now podman.socket\nThen name it in /etc/skerry/config.yaml: docker: unix:///run/podman/podman.sock',
    );
  return problem(message, 'Install one (so does skerry install, with --install-engine): apt-get install -y docker.io');
}

/** Restarted by systemd until it gives up: then a plain start may be refused, and its socket has failed with it. */
function failedService(message: string, { state, result, says }: ServiceEnd): Verdict {
  const why = says === undefined ? '' : `; it says: ${says}`;
  const again =
    state === 'failed'
      ? 'systemctl reset-failed docker docker.socket; systemctl start docker (an agent that runs tries that itself, every half hour at least)'
      : 'systemctl restart docker';
  return problem(
    `${message}: docker.service ${state === 'failed' ? 'has failed' : `is ${state}`} (${result})${why}`,
    `Why: journalctl -u docker -n 50 --no-pager; where its disk is full, see the check "disk"\nOnce that is mended: ${again}`,
  );
}

const OTHER_SOCKET = 'If the engine has another socket, name it in /etc/skerry/config.yaml: docker: unix:///…';

function judgeVersion({ name, apiVersion, osType, rootless }: EngineAbout): readonly Verdict[] {
  return [
    ...(isOlder(apiVersion, API_MIN)
      ? [
          problem(
            `the engine speaks API ${apiVersion}; ${API_MIN.join('.')} or newer is needed`,
            'Upgrade it: Docker 20.10 and up, Podman 4 and up.',
          ),
        ]
      : []),
    ...(osType === 'linux' || osType === ''
      ? []
      : [problem(`the engine runs ${osType} containers`, 'Use an engine that runs Linux containers on this machine itself.')]),
    ...(name === 'Podman'
      ? [warning('Podman works, but is tried less than Docker', 'Use Docker (docker.io) where you have the choice.')]
      : []),
    ...(rootless
      ? [problem("the engine is rootless: pods' networks can not be wired from outside it", 'Use an engine that runs as root.')]
      : []),
  ];
}

function judgeLiveRestore({ name, liveRestore, swarm }: EngineAbout): readonly Verdict[] {
  const isSwarm = swarm !== '' && swarm !== 'inactive';
  const inSwarm = isSwarm
    ? [
        warning(
          `the engine is part of a swarm (${swarm}), under which live-restore can not be on: its restart stops every pod`,
          'If the swarm is no longer needed: docker swarm leave --force\nThen turn live-restore on.',
        ),
      ]
    : [];
  // Podman has no daemon that containers could end with.
  if (name === 'Podman' || isSwarm) return inSwarm;
  if (liveRestore) return [ok('live-restore is on: pods outlive a restart of the engine')];
  return [
    warning(
      'live-restore is off: every restart or upgrade of the engine stops every pod',
      `Where there is no /etc/docker/daemon.json: echo '{ "live-restore": true }' | sudo tee /etc/docker/daemon.json\nElse put "live-restore": true into it.\nThen, which restarts nothing: sudo systemctl reload docker`,
    ),
  ];
}

function judgeSettings({ name, storageDriver, cgroupDriver }: EngineAbout): readonly Verdict[] {
  return [
    ...(COPYING_DRIVERS.includes(storageDriver)
      ? [
          warning(
            `storage driver ${storageDriver} copies the whole image for every container`,
            'Use overlay2: it needs the kernel\'s overlay file system (modprobe overlay) and a disk with ext4, xfs or btrfs; then take "storage-driver" out of /etc/docker/daemon.json.',
          ),
        ]
      : []),
    // Podman's "overlay" is what Docker calls overlay2.
    ...(name === 'Docker' && DEAD_DRIVERS.includes(storageDriver)
      ? [
          warning(
            `storage driver ${storageDriver} is no longer part of current engines`,
            'Move to overlay2 before you upgrade the engine; images are pulled anew.',
          ),
        ]
      : []),
    ...(cgroupDriver === 'none'
      ? [
          problem(
            'the engine can use no control groups: limits of pods do not hold',
            'See the check "cgroups"; the engine must run as root.',
          ),
        ]
      : []),
  ];
}
