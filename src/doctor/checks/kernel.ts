import { nftSample } from '#net/services/nft-sample.ts';
import { nftRules } from '#net/wire/rules.ts';
import type { Ran } from '#install/run-program.ts';
import { textOf } from '../outside/outside.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import type { Scene } from '../scene.ts';

/**
 * What pods' networks and file systems need of the kernel, tried rather than looked up: the rules that the agent would write are given to
 * nft to check, links are made in a network namespace that is thrown away.
 */
export type KernelFacts = {
  readonly release: string;
  readonly nft: Attempt;
  /** Whether iptables answers, which takes the place of nft where that is refused. */
  readonly iptables: Attempt;
  readonly veth: Attempt;
  readonly vxlan: Attempt;
  readonly overlay: boolean;
  readonly forwarding: string;
  /** The folder of the running kernel's modules is there, or the kernel has none at all. */
  readonly hasModules: boolean;
};

export type Attempt =
  | { readonly type: 'works' }
  | { readonly type: 'refused'; readonly why: string }
  | { readonly type: 'no-program' }
  | { readonly type: 'not-root' };

/** Any network will do: nothing is set up. */
const SAMPLE = {
  podCidr: '10.32.0.0/25',
  clusterCidr: '10.32.0.0/11',
  hostPorts: [{ protocol: 'tcp', hostPort: 8080, address: '10.32.0.2', port: 80 }],
} as const;

export async function gatherKernel({ outside }: Scene, signal: AbortSignal): Promise<KernelFacts> {
  const { isRoot, kernelRelease } = outside.machine;
  const attempt = async (...argv: readonly string[]): Promise<Attempt> =>
    isRoot ? attemptOf(await outside.run(argv, signal)) : { type: 'not-root' };
  const link = (...words: readonly string[]) => attempt('unshare', '--net', 'ip', 'link', 'add', 'skrdoctor0', ...words);
  const [nft, iptables, veth, vxlan, fileSystems, forwarding, folders, own] = await Promise.all([
    // As an argument: what comes to nft 0.9.8 by a socket, as Node's pipes are, it can not read.
    attempt('nft', '-c', nftRules(SAMPLE, true) + nftSample()),
    attempt('iptables', '-w', '-t', 'nat', '-S', 'POSTROUTING'),
    link('type', 'veth', 'peer', 'name', 'skrdoctor1'),
    link('type', 'vxlan', 'id', '1', 'dstport', '4789'),
    textOf(outside.read('/proc/filesystems')),
    textOf(outside.read('/proc/sys/net/ipv4/ip_forward')),
    outside.list('/lib/modules'),
    outside.exists(`/lib/modules/${kernelRelease}/modules.dep`),
  ]);
  const overlay = /\boverlay$/m.test(fileSystems) || (await hasOverlayModule(outside, kernelRelease));
  return {
    release: kernelRelease,
    nft,
    iptables,
    veth,
    vxlan,
    overlay,
    forwarding: forwarding.trim(),
    hasModules: own || folders.length === 0,
  };
}

async function hasOverlayModule(outside: Scene['outside'], release: string): Promise<boolean> {
  const index = await textOf(outside.read(`/lib/modules/${release}/modules.dep`));
  return /(^|\/)overlay\.ko/m.test(index);
}

function attemptOf(ran: Ran): Attempt {
  if (ran.type === 'missing') return { type: 'no-program' };
  if (ran.type === 'stopped') return { type: 'refused', why: ran.why };
  if (ran.code === 0) return { type: 'works' };
  const [line = `it ended with ${ran.code}`] = ran.stderr.trim().split('\n');
  return { type: 'refused', why: line };
}

export function judgeKernel(facts: KernelFacts): readonly Verdict[] {
  const missing = [...judgeNft(facts), ...judgeLinks(facts), ...(facts.overlay ? [] : [withoutOverlay(facts)])];
  const works = [
    ...(facts.nft.type === 'works' ? ['nft'] : []),
    ...(facts.veth.type === 'works' ? ['veth'] : []),
    ...(facts.vxlan.type === 'works' ? ['vxlan'] : []),
    ...(facts.overlay ? ['overlay'] : []),
  ];
  const forwarding = facts.forwarding === '1' ? 'forwarding is on' : 'forwarding is off, the agent turns it on';
  return [...(works.length === 0 ? [] : [ok(`${works.join(', ')} work; ${forwarding}`)]), ...missing];
}

function judgeNft({ nft, iptables, ...facts }: KernelFacts): readonly Verdict[] {
  switch (nft.type) {
    case 'works':
    case 'no-program':
      // That is the business of the check "programs".
      return [];
    case 'not-root':
      return [unknown('not root: nft, veth and vxlan are not tried')];
    case 'refused':
      if (iptables.type === 'works')
        return [
          warning(
            `the kernel refuses the rules of pods' networks to nft (${nft.why}); iptables is used in its place`,
            modules(facts, 'nf_tables nft_chain_nat nft_masq nft_fib_ipv4'),
          ),
        ];
      return [
        problem(
          `neither nft (${nft.why}) nor iptables can write the rules of pods' networks`,
          modules(facts, 'nf_tables nft_chain_nat nft_masq nft_fib_ipv4'),
        ),
      ];
  }
}

function judgeLinks({ veth, vxlan, ...facts }: KernelFacts): readonly Verdict[] {
  return [
    ...(veth.type === 'refused'
      ? [problem(`no veth pair can be made (${veth.why}): pods get no network`, modules(facts, 'veth'))]
      : []),
    ...(vxlan.type === 'refused'
      ? [
          warning(
            `no vxlan link can be made (${vxlan.why}): pods of different sites can not meet that way`,
            modules(facts, 'vxlan'),
          ),
        ]
      : []),
  ];
}

function withoutOverlay(facts: Pick<KernelFacts, 'hasModules' | 'release'>): Verdict {
  return warning('the kernel has no overlay file system: engines fall back to copying whole images', modules(facts, 'overlay'));
}

function modules({ hasModules, release }: Pick<KernelFacts, 'hasModules' | 'release'>, names: string): string {
  if (!hasModules) return `The modules of the running kernel ${release} are gone, as after an upgrade of the kernel: reboot.`;
  return `Load what it needs: modprobe -a ${names}\nWhere that finds none, the kernel was built without: use the distribution's own kernel (on Ubuntu for boards: linux-modules-extra-${release}).`;
}
