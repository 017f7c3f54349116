import type { Log } from '#lib/log.ts';
import type { EngineHealth } from './sight.ts';

/** What the log hears of the container engine: once that it can not be used, with what to do, and once that it is back. That it works is no news. */
export function createEngineNews(log: Log): (health: EngineHealth) => void {
  let told: string | undefined;
  return (health) => {
    const code = health.ready ? undefined : health.code;
    if (code === told) return;
    told = code;
    if (health.ready) log.info({}, 'the container engine is back');
    else {
      const remedy = REMEDIES.get(health.code);
      log.warn(
        { why: health.message, ...(remedy === undefined ? {} : { remedy }) },
        'the container engine can not be used: no pod is started or stopped until it can',
      );
    }
  };
}

const REMEDIES: ReadonlyMap<string, string> = new Map([
  [
    'EngineAbsent',
    'start a Docker-compatible engine there, or say where one listens: skerry agent --docker unix:///PATH (a server needs none with --no-agent)',
  ],
  ['EngineTimeout', 'see whether the engine hangs (docker ps) and restart it; containers go on where it has live-restore'],
  ['EngineTooOld', 'update the engine'],
]);
