import { textOf, type Outside } from '../outside/outside.ts';
import { unknown, type Finding, type Verdict } from '../finding.ts';

/** AppArmor and SELinux, which are told of only where root was refused something: then they are the likely reason. */
export type ConfinementFacts = {
  readonly isRoot: boolean;
  readonly seLinux: 'enforcing' | 'permissive' | 'off';
  /** The profile of this process: `unconfined`, or `name (enforce)`; empty where there is none. */
  readonly appArmor: string;
};

export async function readConfinement(outside: Outside): Promise<ConfinementFacts> {
  const [enforce, profile] = await Promise.all([
    textOf(outside.read('/sys/fs/selinux/enforce')),
    textOf(outside.read('/proc/self/attr/apparmor/current')),
  ]);
  return {
    isRoot: outside.machine.isRoot,
    seLinux: enforce.trim() === '1' ? 'enforcing' : enforce === '' ? 'off' : 'permissive',
    appArmor: profile.trim(),
  };
}

const REFUSED = /EACCES|EPERM|permission denied|operation not permitted/i;

export function judgeConfinement(
  { isRoot, seLinux, appArmor }: ConfinementFacts,
  findings: readonly Finding[],
): readonly Verdict[] {
  const refused = findings.filter(({ status, message }) => status !== 'ok' && REFUSED.test(message)).map(({ check }) => check);
  if (!isRoot || refused.length === 0) return [];
  const of = [...new Set(refused)].join(', ');
  return [
    ...(seLinux === 'enforcing'
      ? [
          unknown(
            `SELinux is enforcing, and root was refused something (${of}): it may be why`,
            'What it denied: ausearch -m avc -ts recent',
          ),
        ]
      : []),
    ...(appArmor.endsWith('(enforce)')
      ? [
          unknown(
            `this program runs under the AppArmor profile ${appArmor}, and was refused something (${of})`,
            'What it denied: dmesg | grep apparmor',
          ),
        ]
      : []),
  ];
}
