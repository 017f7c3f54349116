import { textOf, type Outside } from '../outside/outside.ts';
import { ok, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/** Others that schedule containers on this machine: they count its memory as theirs, write the same firewall tables and take the same ports. */
export type OrchestratorFacts = { readonly found: readonly Orchestrator[] };

export type Orchestrator = {
  readonly name: 'K3s' | 'RKE2' | 'kubelet' | 'MicroK8s' | 'k0s' | 'Nomad';
  readonly running: boolean;
  readonly startsAtBoot: boolean;
};

type Known = {
  readonly name: Orchestrator['name'];
  /** As /proc/PID/comm has them, which is 15 letters. */
  readonly processes: readonly string[];
  readonly binaries: readonly string[];
  readonly units: readonly string[];
  readonly clash: string;
  readonly leave: string;
};

const KNOWN: readonly Known[] = [
  {
    name: 'K3s',
    processes: ['k3s-server', 'k3s-agent', 'k3s'],
    binaries: ['/usr/local/bin/k3s', '/usr/bin/k3s'],
    units: ['k3s.service', 'k3s-agent.service'],
    clash: 'it holds port 6443 as a server, and its rules and its kubelet count the whole machine as their own',
    leave:
      'Remove it: k3s-uninstall.sh (k3s-agent-uninstall.sh on an agent); to keep it for later: systemctl disable --now k3s k3s-agent',
  },
  {
    name: 'RKE2',
    processes: ['rke2'],
    binaries: ['/usr/local/bin/rke2', '/usr/bin/rke2'],
    units: ['rke2-server.service', 'rke2-agent.service'],
    clash: 'it holds port 6443 as a server, and its kubelet counts the whole machine as its own',
    leave: 'Remove it: rke2-uninstall.sh',
  },
  {
    name: 'MicroK8s',
    processes: ['kubelite'],
    binaries: ['/snap/bin/microk8s'],
    units: ['snap.microk8s.daemon-kubelite.service'],
    clash: 'its kubelet counts the whole machine as its own',
    leave: 'Remove it: snap remove --purge microk8s; to keep it for later: microk8s stop',
  },
  {
    name: 'k0s',
    processes: ['k0s'],
    binaries: ['/usr/local/bin/k0s'],
    units: ['k0scontroller.service', 'k0sworker.service'],
    clash: 'it holds port 6443 as a controller, and its kubelet counts the whole machine as its own',
    leave: 'Remove it: k0s stop && k0s reset',
  },
  {
    name: 'kubelet',
    processes: ['kubelet'],
    binaries: [],
    units: ['kubelet.service'],
    clash: 'it counts the whole machine as its own and evicts pods by what others use',
    leave: 'Take the machine out of that cluster (kubeadm reset), then: systemctl disable --now kubelet',
  },
  {
    name: 'Nomad',
    processes: ['nomad'],
    binaries: ['/usr/bin/nomad', '/usr/local/bin/nomad'],
    units: ['nomad.service'],
    clash: 'it counts the whole machine as its own',
    leave: 'Drain and stop it: nomad node drain -self -enable; systemctl disable --now nomad',
  },
];

export async function gatherOrchestrators({ outside }: Scene): Promise<OrchestratorFacts> {
  const names = new Set(await processNames(outside));
  const found = await Promise.all(
    KNOWN.map(async ({ name, processes, binaries, units }) => {
      const running = processes.some((process) => names.has(process));
      const wanted = units.map((unit) => outside.exists(`/etc/systemd/system/multi-user.target.wants/${unit}`));
      const startsAtBoot = (await Promise.all(wanted)).includes(true);
      const installed = (await Promise.all(binaries.map((path) => outside.exists(path)))).includes(true);
      return running || startsAtBoot || installed ? [{ name, running, startsAtBoot }] : [];
    }),
  );
  return { found: found.flat() };
}

export async function processNames(outside: Outside): Promise<readonly string[]> {
  const pids = (await outside.list('/proc')).filter((name) => /^\d+$/.test(name));
  const names = await Promise.all(pids.map((pid) => textOf(outside.read(`/proc/${pid}/comm`))));
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

export function judgeOrchestrators({ found }: OrchestratorFacts): readonly Verdict[] {
  const active = found.filter(({ running, startsAtBoot }) => running || startsAtBoot);
  const idle = found.filter((orchestrator) => !active.includes(orchestrator)).map(({ name }) => name);
  const told = active.map(({ name, running }) => {
    const known = KNOWN.find((candidate) => candidate.name === name);
    const state = running ? 'runs here' : 'does not run, but starts at the next boot';
    return warning(`${name} ${state}: ${known?.clash ?? ''}`, known?.leave ?? '');
  });
  if (told.length > 0) return told;
  return [
    ok(idle.length === 0 ? 'no other orchestrator is here' : `${idle.join(', ')} is here, but neither runs nor starts at boot`),
  ];
}
