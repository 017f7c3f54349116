import { DEFAULT_NETWORK } from '#api/cluster-network.ts';
import { clusterCidrIn } from '#net/wire/cluster-cidr-in.ts';
import { MASQUERADE_CHAIN, POSTROUTING_CHAIN, TABLE } from '#net/wire/rules.ts';
import { outputOf, textOf } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import { roleOf, type Scene } from '../scene.ts';
import { processNames } from './orchestrators.ts';

/**
 * ufw and firewalld: whether one stands between nodes and the server's port, or between pods and the world. The agent opens the forward chain
 * of iptables by itself, which ufw goes by; a drop in firewalld's own nftables table it can not overrule.
 */
export type FirewallFacts = {
  readonly role: 'server' | 'agent' | undefined;
  readonly port: number;
  /** The network that all pods' addresses are from. */
  readonly clusterCidr: string;
  readonly ufw: Gate;
  readonly firewalld: Gate;
};

/** `server`: the port lets nodes in; `pods`: traffic of pods is let through. Undefined: it could not be seen. */
export type Gate = { readonly active: boolean; readonly server?: boolean; readonly pods?: boolean };

/** firewalld goes by where a packet comes from: what other nodes themselves send to pods (node ports that lead here, say) needs a policy. */
const POLICY = 'skerry';

export async function gatherFirewall(scene: Scene, signal: AbortSignal): Promise<FirewallFacts> {
  const { outside, asked } = scene;
  const port = asked.port;
  const [role, clusterCidr, ufwConf, ufwDefaults, ufwRules, processes] = await Promise.all([
    roleOf(scene),
    clusterCidrOf(scene, signal),
    textOf(outside.read('/etc/ufw/ufw.conf')),
    textOf(outside.read('/etc/default/ufw')),
    outside.read('/etc/ufw/user.rules'),
    processNames(outside),
  ]);
  const rules = ufwRules.type === 'text' ? ufwRules.text : undefined;
  const ufw: Gate = {
    active: /^ENABLED=yes$/im.test(ufwConf),
    pods: true,
    ...(rules === undefined ? {} : { server: /^DEFAULT_INPUT_POLICY="?ACCEPT/m.test(ufwDefaults) || ufwAllows(rules, port) }),
  };
  return {
    role,
    port,
    clusterCidr,
    ufw,
    firewalld: processes.includes('firewalld') ? await firewalldOf(scene, { port, clusterCidr }, signal) : { active: false },
  };
}

/** A node learns it from its server, and has it in its rules; before that there are only the settings of a server. */
async function clusterCidrOf({ outside, asked }: Scene, signal: AbortSignal): Promise<string> {
  for (const argv of MASQUERADING) {
    const found = clusterCidrIn(outputOf(await outside.run(argv, signal)) ?? '');
    if (found !== undefined) return found;
  }
  return asked.clusterCidr ?? DEFAULT_NETWORK.clusterCIDR;
}

const MASQUERADING = [
  ['nft', 'list', 'chain', 'ip', TABLE, MASQUERADE_CHAIN],
  ['iptables', '-t', 'nat', '-S', POSTROUTING_CHAIN],
] as const;

/**
 * ufw writes each rule as a comment: `### tuple ### allow tcp 6443 0.0.0.0/0 any 0.0.0.0/0 in`; also `allow_log`, `in_eth0`, and behind it the names of
 * applications (`Nginx - in`) and a comment (`comment=6170`). `limit` lets a node in, which does not connect six times in half a minute.
 */
export function ufwAllows(rules: string, port: number): boolean {
  return rules.split('\n').some((line) => {
    const [, action = '', protocol = '', ports = '', rest = ''] = UFW_RULE.exec(line) ?? [];
    const isIn = rest.split(' ').some((word) => word === 'in' || word.startsWith('in_'));
    return action !== '' && isIn && ['tcp', 'any'].includes(protocol) && (ports === 'any' || coversPort(ports, port));
  });
}

const UFW_RULE = /^### tuple ### ((?:allow|limit)(?:_log(?:-all)?)?) (\S+) (\S+) \S+ \S+ \S+ (.*)$/;

const coversPort = (ports: string, port: number): boolean =>
  ports.split(',').some((range) => {
    const [from, to = from] = range.split(':').map(Number);
    return from !== undefined && to !== undefined && from <= port && port <= to;
  });

async function firewalldOf(
  { outside }: Scene,
  { port, clusterCidr }: Pick<FirewallFacts, 'port' | 'clusterCidr'>,
  signal: AbortSignal,
): Promise<Gate> {
  const ask = async (...words: readonly string[]) => outside.run(['firewall-cmd', ...words], signal);
  const [portAnswer, service, sources, policy] = await Promise.all([
    ask(`--query-port=${port}/tcp`),
    // Its own name for 6443.
    port === 6443 ? ask('--query-service=kube-apiserver') : undefined,
    ask('--zone=trusted', '--list-sources'),
    ask(`--policy=${POLICY}`, '--query-egress-zone=trusted'),
  ]);
  const listed = outputOf(sources);
  const isOpen = [portAnswer, service].some((answer) => answer?.type === 'ended' && answer.code === 0);
  return {
    active: true,
    ...(portAnswer.type === 'ended' && portAnswer.code <= 1 ? { server: isOpen } : {}),
    ...(listed === undefined
      ? {}
      : { pods: listed.split(/\s+/).includes(clusterCidr) && policy.type === 'ended' && policy.code === 0 }),
  };
}

export function judgeFirewall({ role, port, clusterCidr, ufw, firewalld }: FirewallFacts): readonly Verdict[] {
  if (!ufw.active && !firewalld.active) return [ok('neither ufw nor firewalld is active')];
  return [
    ...(ufw.active ? judgeGate('ufw', ufw, role, port, [`ufw allow ${port}/tcp`], []) : []),
    ...(firewalld.active
      ? judgeGate(
          'firewalld',
          firewalld,
          role,
          port,
          [`firewall-cmd --permanent --add-port=${port}/tcp`, 'firewall-cmd --reload'],
          [
            `firewall-cmd --permanent --zone=trusted --add-source=${clusterCidr}`,
            `firewall-cmd --permanent --new-policy=${POLICY}`,
            `firewall-cmd --permanent --policy=${POLICY} --add-ingress-zone=ANY`,
            `firewall-cmd --permanent --policy=${POLICY} --add-egress-zone=trusted`,
            `firewall-cmd --permanent --policy=${POLICY} --set-target=ACCEPT`,
            'firewall-cmd --reload',
          ],
        )
      : []),
  ];
}

function judgeGate(
  name: string,
  { server, pods }: Gate,
  role: FirewallFacts['role'],
  port: number,
  openServer: readonly string[],
  openPods: readonly string[],
): readonly Verdict[] {
  const commands = (lines: readonly string[]) => `Open it:\n${lines.map((line) => `  ${line}`).join('\n')}`;
  const closed = `${name} is active and lets nobody in at ${port}/tcp`;
  const wrong = [
    ...(role === 'agent' || server === true
      ? []
      : server === undefined
        ? [unknown(`${name} is active; whether it lets nodes in at ${port}/tcp can not be seen`, commands(openServer))]
        : [
            role === 'server'
              ? problem(`${closed}: no node can reach this server`, commands(openServer))
              : warning(`${closed}: no node could reach a server here`, commands(openServer)),
          ]),
    ...(pods === false ? [warning(`${name} is active and stops the traffic of pods`, commands(openPods))] : []),
    ...(pods === undefined
      ? [unknown(`${name} is active; whether it lets pods' traffic through can not be seen`, commands(openPods))]
      : []),
  ];
  return wrong.length > 0 ? wrong : [ok(`${name} is active, and lets through what is needed`)];
}
