import { CHECKS, OF_PODS } from './checks.ts';
import type { Check } from './check.ts';
import { judgeConfinement, readConfinement } from './checks/confinement.ts';
import { ok, unknown, type Finding, type Status, type Verdict } from './finding.ts';
import type { Outside } from './outside/outside.ts';
import { openScene, roleOf, type Asked, type Scene } from './scene.ts';
import { explain } from '#lib/error.ts';

/**
 * Looks at a machine, before or after anything is installed on it: all checks at once, each with a limit, none of which can end the others.
 * It changes nothing.
 */
export type DoctorReport = {
  /** Nothing is an error. */
  readonly healthy: boolean;
  /** In the order of the table of checks. */
  readonly findings: readonly Finding[];
};

/** Above what one check's own steps take together. */
const CHECK_MS_MAX = 20_000;

/** `tell`: the names of checks that have not ended yet, whenever there is one less. */
export async function runDoctor(
  outside: Outside,
  asked: Asked,
  tell: (waiting: readonly string[]) => void,
  signal: AbortSignal,
): Promise<DoctorReport> {
  const scene = openScene(outside, asked, signal);
  const runsPods = asked.agent || (await roleOf(scene)) === 'agent';
  const checks = runsPods ? CHECKS : CHECKS.filter(({ name }) => !OF_PODS.includes(name));
  const waiting = new Set(checks.map(({ name }) => name));
  tell([...waiting]);
  const all = await Promise.all(
    checks.map(async (check) => {
      const verdicts = await examine(check, scene, signal);
      waiting.delete(check.name);
      tell([...waiting]);
      return verdicts.map((verdict) => ({ check: check.name, ...verdict }));
    }),
  );
  const noPods = ok(`not checked, as the server of this machine runs none: ${OF_PODS.join(', ')}`);
  const findings = [...all.flat(), ...(runsPods ? [] : [{ check: 'pods', ...noPods }])];
  const confined = judgeConfinement(await readConfinement(outside), findings);
  return reportOf([...findings, ...confined.map((verdict) => ({ check: 'confinement', ...verdict }))]);
}

export function reportOf(findings: readonly Finding[]): DoctorReport {
  return { healthy: findings.every(({ status }) => status !== 'error'), findings };
}

export function countOf(report: DoctorReport, status: Status): number {
  return report.findings.filter((finding) => finding.status === status).length;
}

async function examine({ look }: Check, scene: Scene, signal: AbortSignal): Promise<readonly Verdict[]> {
  const late = new AbortController();
  const { clock } = scene.outside;
  let cancel = () => {};
  const timeout = new Promise<readonly Verdict[]>((resolve) => {
    cancel = clock.timer(CHECK_MS_MAX, () => {
      late.abort();
      resolve([unknown(`no end within ${CHECK_MS_MAX / 1000} s: something on this machine hangs`)]);
    });
  });
  try {
    return await Promise.race([look(scene, AbortSignal.any([signal, late.signal])), timeout]);
  } catch (error) {
    return [unknown(`the check failed: ${explain(error)}`)];
  } finally {
    cancel();
  }
}
