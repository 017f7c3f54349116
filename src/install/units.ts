import type { Layout, Mode } from './layout.ts';

/**
 * The units, one a mode, and how they are switched on. Invariants: none of their options gives the process a mount namespace (the engine would
 * not see what the agent mounts), none forbids memory that is written and run (Node makes code), and none makes a node wait for a network, a
 * clock or an engine: it is to start pods with none of the first two, and waits for the third by itself.
 */

export const otherMode = (mode: Mode): Mode => (mode === 'server' ? 'agent' : 'server');

export const unitName = (mode: Mode): string => `skerry-${mode}.service`;

export const unitFile = (layout: Layout, mode: Mode): string => `${layout.units}/${unitName(mode)}`;

/** What `systemctl enable` makes: a link, which also works in a system that does not run. */
export function enablement(layout: Layout, mode: Mode): { readonly path: string; readonly target: string } {
  return { path: `${layout.units}/multi-user.target.wants/${unitName(mode)}`, target: `../${unitName(mode)}` };
}

/** A hang is a silence of this long: generous, since a board whose card is busy may be silent for a while. */
const WATCHDOG_SECONDS = 120;
const RESTART_SECONDS = 2;
/** For a small database, on a slow card, while other things start too. */
const START_SECONDS = 120;
/** Then it is killed: less than what engines and boards are given to go down. */
const STOP_SECONDS = 30;
/** Threads of Node and its short-lived helpers (ip, nft, mount). */
const TASKS_MAX = 512;
/** A node needs sockets to its engine and its server, and for what its pods, neighbours and balancers ask it, which has limits; a server one for each node, watch and request. */
const OPEN_FILES_MAX: Readonly<Record<Mode, number>> = { server: 1_048_576, agent: 65_536 };
/** Above it the kernel takes back what can be had again, the executable's own pages first. */
const AGENT_MEMORY = 'MemoryHigh=64M\n';

const DESCRIPTION: Readonly<Record<Mode, string>> = {
  server: 'Skerry server: the Kubernetes API for a fleet, and the node of this machine',
  agent: 'Skerry agent: runs pods on this machine, with its server or without',
};

/** `launch`: the path of the script as the running system sees it. */
export function unitText(mode: Mode, launch: string): string {
  return `# Made by \`skerry install\`, which writes it anew: put changes of yours into ${unitName(mode)}.d/*.conf.
[Unit]
Description=${DESCRIPTION[mode]}
# Wanted, not required: a node goes on without its engine, and waits for no network and no right time.
Wants=docker.service
After=docker.service
Conflicts=${unitName(otherMode(mode))}
StartLimitIntervalSec=0

[Service]
Type=notify
# It speaks through systemd-notify, which is a child.
NotifyAccess=all
ExecStart=${launch} ${mode}
SyslogIdentifier=skerry-${mode}
# It asks for more where its database is large; a node that waits for its server is ready.
TimeoutStartSec=${START_SECONDS}
TimeoutStopSec=${STOP_SECONDS}
WatchdogSec=${WATCHDOG_SECONDS}
Restart=always
RestartSec=${RESTART_SECONDS}
# Containers are the engine's, in cgroups of its own: a stop ends this process and its helpers only.
KillMode=mixed
OOMScoreAdjust=-999
${mode === 'agent' ? AGENT_MEMORY : ''}TasksMax=${TASKS_MAX}
LimitNOFILE=${OPEN_FILES_MAX[mode]}

[Install]
WantedBy=multi-user.target
`;
}
