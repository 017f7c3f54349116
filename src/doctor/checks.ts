import { check, type Check } from './check.ts';
import { gatherArchitecture, judgeArchitecture } from './checks/architecture.ts';
import { gatherCgroups, judgeCgroups } from './checks/cgroups.ts';
import { gatherClock, judgeClock } from './checks/clock.ts';
import { gatherDisks, judgeDisks } from './checks/disk.ts';
import { gatherDiskSpeed, judgeDiskSpeed } from './checks/disk-speed.ts';
import { judgeEngine } from './checks/engine.ts';
import { gatherFirewall, judgeFirewall } from './checks/firewall.ts';
import { gatherInstallation, judgeInstallation } from './checks/installation.ts';
import { gatherKernel, judgeKernel } from './checks/kernel.ts';
import { gatherMachine, judgeMachine } from './checks/machine.ts';
import { judgeNode } from './checks/node.ts';
import { gatherOrchestrators, judgeOrchestrators } from './checks/orchestrators.ts';
import { gatherPorts, judgePorts } from './checks/ports.ts';
import { gatherPrograms, judgePrograms } from './checks/programs.ts';
import { judgeServer } from './checks/server.ts';
import { gatherService, judgeService } from './checks/service.ts';
import { judgeSettings } from './checks/settings.ts';

/** All there is to look at, in the order in which it is told. */
export const CHECKS: readonly Check[] = [
  check('machine', gatherMachine, judgeMachine),
  check('settings', async ({ asked }) => asked.settings, judgeSettings),
  check('architecture', gatherArchitecture, judgeArchitecture),
  check('engine', (scene) => scene.engine(), judgeEngine),
  check('cgroups', gatherCgroups, judgeCgroups),
  check('kernel', gatherKernel, judgeKernel),
  check('programs', gatherPrograms, judgePrograms),
  check('clock', gatherClock, judgeClock),
  check('disk', gatherDisks, judgeDisks),
  check('disk-speed', gatherDiskSpeed, judgeDiskSpeed),
  check('ports', gatherPorts, judgePorts),
  check('orchestrators', gatherOrchestrators, judgeOrchestrators),
  check('firewall', gatherFirewall, judgeFirewall),
  check('server', (scene) => scene.server(), judgeServer),
  check('node', (scene) => scene.node(), judgeNode),
  check('installation', gatherInstallation, judgeInstallation),
  check('service', gatherService, judgeService),
];

/** Of no concern to a server that runs no pods. */
export const OF_PODS: readonly string[] = ['engine', 'cgroups', 'kernel', 'programs'];
