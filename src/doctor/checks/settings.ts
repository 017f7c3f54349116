import type { ConfigProblem } from '#install/config/check-config.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';

/** The settings of this machine, as `skerry config check` judges them. Which keys there are is the command line's to know: the judgement comes with what is asked. */
export type SettingsFacts = { readonly path: string; readonly isThere: boolean; readonly problems: readonly ConfigProblem[] };

export function judgeSettings({ path, isThere, problems }: SettingsFacts): readonly Verdict[] {
  if (problems.length > 0) return problems.map((each) => judge(each, path));
  return [ok(isThere ? `${path}: nothing is wrong` : `${path} is not there, so the defaults hold`)];
}

function judge({ reason, message }: ConfigProblem, path: string): Verdict {
  const again = `skerry config check --config ${path}`;
  switch (reason) {
    case 'Forbidden':
      return unknown(message, 'Run it as root: sudo skerry doctor');
    case 'UnknownKey':
      return warning(`${message}: it is not used`, `Mend it, or take it out; then: ${again}`);
    case 'OpenSecret':
      return warning(message, `Then: ${again}`);
    case 'Unreadable':
    case 'KeyTwice':
    case 'BadValue':
    case 'SecretInFile':
      return problem(message, `No service starts with it. Mend it; then: ${again}`);
  }
}
