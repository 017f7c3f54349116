import { join } from 'node:path';
import { MODES, healthFile, layoutIn } from '#install/layout.ts';
import { unitFile, unitName } from '#install/units.ts';
import { lastWords, ownFailure, runOf } from '../facts/last-words.ts';
import { valueOf } from '../facts/value-of.ts';
import { ok, problem, unknown, warning, type Verdict } from '../finding.ts';
import { textOf } from '../outside/outside.ts';
import type { Scene } from '../scene.ts';

/** The services of this machine: whether they run, go on running, and start at the next boot. One that somebody wrote by hand is as good as ours. */
export type ServiceFacts = { readonly hasSystemd: boolean; readonly units: readonly Unit[] };

export type Unit = {
  readonly name: string;
  /** As systemd has them; empty where it does not say. */
  readonly active: string;
  readonly sub: string;
  readonly result: string;
  readonly file: string;
  readonly restarts: number;
  readonly exitStatus: string;
  readonly isStale: boolean;
  /** How long it is active, in this run; undefined where that can not be seen. */
  readonly upSeconds: number | undefined;
  /** What it says that it has (engine, link); undefined where it says nothing. */
  readonly has: readonly string[] | undefined;
  /** Why it ended, where it does not simply run, in its own words. */
  readonly says: string | undefined;
  /** Why its server lets it in no more, as it says itself. */
  readonly refused: string | undefined;
  /** An agent that has joined no cluster (any more), and has no token to join one with. */
  readonly canNotJoin: boolean;
};

const PROPERTIES =
  'ActiveState,SubState,Result,UnitFileState,NRestarts,ExecMainStatus,NeedDaemonReload,ActiveEnterTimestampMonotonic,ExecMainStartTimestampMonotonic,InvocationID';

/** One that was started this often by itself, and is not up for this long yet, is likely to end again. */
const RESTARTS_MAX = 3;
const SETTLED_SECONDS = 600;

export async function gatherService(scene: Scene, signal: AbortSignal): Promise<ServiceFacts> {
  const { outside } = scene;
  const layout = layoutIn('/');
  const [hasSystemd, uptime] = await Promise.all([outside.exists('/run/systemd/system'), textOf(outside.read('/proc/uptime'))]);
  const units = MODES.map(async (mode): Promise<readonly Unit[]> => {
    if (!(await outside.exists(unitFile(layout, mode)))) return [];
    const name = unitName(mode);
    const shown = await outside.run(['systemctl', 'show', name, `--property=${PROPERTIES}`], signal);
    const text = shown.type === 'ended' ? shown.stdout : '';
    const of = (key: string) => valueOf(text, key) ?? '';
    const sinceMicros = Number(of('ActiveEnterTimestampMonotonic'));
    const restarts = Number(of('NRestarts'));
    const health = await textOf(outside.read(healthFile(layout, mode)));
    return [
      {
        name,
        active: of('ActiveState'),
        sub: of('SubState'),
        result: of('Result'),
        file: of('UnitFileState'),
        restarts,
        exitStatus: of('ExecMainStatus'),
        isStale: of('NeedDaemonReload') === 'yes',
        upSeconds: sinceMicros > 0 && uptime !== '' ? Number.parseFloat(uptime) - sinceMicros / 1e6 : undefined,
        has: valueOf(health, 'has')?.split(','),
        says: isSteady(of('ActiveState'), restarts) ? undefined : await lastWords(scene, runOf(name, text), ownFailure, signal),
        refused: valueOf(health, 'refused'),
        canNotJoin: mode === 'agent' && !(await canJoin(scene)),
      },
    ];
  });
  return { hasSystemd, units: (await Promise.all(units)).flat() };
}

/** It runs, and has ended by itself never: nobody asks why. */
const isSteady = (active: string, restarts: number): boolean => active === 'active' && restarts === 0;

/** What can not be seen counts as there. */
async function canJoin({ outside, asked, node }: Scene): Promise<boolean> {
  if ((await node()).joined.type !== 'no') return true;
  const config = await textOf(outside.read(asked.settings.path));
  const [, named] = /^token-file: *["']?([^\s"']+)/m.exec(config) ?? [];
  return outside.exists(named ?? join(asked.dataDir, 'join-token'));
}

export function judgeService({ hasSystemd, units }: ServiceFacts): readonly Verdict[] {
  if (units.length === 0) return [ok('there is no service of skerry')];
  if (!hasSystemd) return [ok('systemd does not run this machine: who starts skerry, and whether, is not seen')];
  // An installation in the other mode leaves the unit of the one before, switched off.
  const runs = units.filter(({ active }) => active !== 'inactive');
  return (runs.length === 0 ? units : runs).flatMap(judgeUnit);
}

function judgeUnit(unit: Unit): readonly Verdict[] {
  const { name, isStale } = unit;
  return [
    judgeState(unit),
    ...judgeBoot(unit),
    ...judgeHealth(unit),
    ...(isStale
      ? [warning(`${name} was changed since systemd read it`, `systemctl daemon-reload && systemctl restart ${name}`)]
      : []),
  ];
}

function judgeState(unit: Unit): Verdict {
  const { name, active, sub, result, restarts, exitStatus, upSeconds, says, canNotJoin } = unit;
  const why = `Why: journalctl -u ${name} -n 50 --no-pager`;
  const said = says === undefined ? '' : `; it says: ${says}`;
  const ended = `(${result === '' || result === 'success' ? 'it ended' : result}, exit status ${exitStatus})${said}`;
  if (active === 'activating' && sub === 'auto-restart')
    return problem(`${name} ends again and again: ${restarts} restarts so far ${ended}`, why);
  switch (active) {
    case 'active': {
      const settled = upSeconds === undefined || upSeconds > SETTLED_SECONDS;
      if (restarts >= RESTARTS_MAX && !settled)
        return warning(`${name} is active for ${Math.round(upSeconds)} s only, after ${restarts} restarts by itself${said}`, why);
      return ok(`${name} is active${restarts > 0 ? `, after ${restarts} restarts by itself` : ''}`);
    }
    case 'activating':
    case 'reloading':
    case 'deactivating':
      return restarts >= RESTARTS_MAX
        ? problem(`${name} does not get up: ${restarts} restarts so far, now ${active}${said}`, why)
        : ok(`${name} is ${active}`);
    case 'failed':
      return problem(`${name} has failed ${ended}`, `${why}\nOnce that is mended: systemctl restart ${name}`);
    case 'inactive':
      return canNotJoin
        ? warning(`${name} does not run, and has neither a cluster nor a token to join one`, JOIN)
        : warning(`${name} does not run`, `Start it: systemctl enable --now ${name}`);
    default:
      return unknown(`whether ${name} runs can not be seen`);
  }
}

const JOIN =
  'To join: skerry install agent --server URL --token-file FILE (the token is made on the server: skerry token create)\nWhere it is to be no node any more: skerry uninstall';

function judgeBoot({ name, active, file }: Unit): readonly Verdict[] {
  if (active === 'inactive' || file === '' || file.startsWith('enabled')) return [];
  return [
    warning(
      `${name} does not start at the next boot (${file})`,
      file.startsWith('masked') ? `systemctl unmask ${name} && systemctl enable ${name}` : `systemctl enable ${name}`,
    ),
  ];
}

function judgeHealth({ name, active, has, refused }: Unit): readonly Verdict[] {
  if (active !== 'active' || has === undefined) return [];
  const lacks = LACKS.filter(({ need }) => !has.includes(need) && name === unitName('agent'));
  return lacks.map(({ need, message, advice }) =>
    need === 'link' && refused !== undefined
      ? warning(`${name} says that it has no link to its server, which did not let it in again: ${refused}`, REMOVED)
      : warning(`${name} ${message}`, advice),
  );
}

const REMOVED =
  'If it was removed, make a token on the server (skerry token create), and run here: skerry install agent --server URL --token-file FILE\nWhere it is to be no node any more: skerry uninstall';

const LACKS = [
  { need: 'engine', message: 'says that it has no engine: no pod can be started', advice: 'See the check "engine".' },
  {
    need: 'link',
    message: 'says that it has no link to its server: its pods run on, and what is new there does not come here',
    advice: 'See the check "server"; what the agent says: journalctl -u skerry-agent -p warning -n 20 --no-pager',
  },
] as const;
