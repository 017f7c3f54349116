import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { IMAGES, appContainers, waitForNode } from '../../scripts/demo/stage.ts';
import { waitFor } from '../../scripts/lab/exec.ts';
import { LAUNCH_SCRIPT } from '../../src/install/launch.ts';
import { layoutIn, type Layout } from '../../src/install/layout.ts';
import { currentVersion, putSlot, setCurrent } from '../../src/install/slots.ts';
import { readHealth, readTrial } from '../../src/install/trial.ts';
import { deployment, firstNode, startLabWorld, type LabWorld } from '../support/lab-world.ts';
import { writeRelease } from '../support/release-world.ts';
import { buildTwoReleases, type TwoReleases } from '../support/two-releases.ts';

/** An installed agent goes from release to release, forward, back by itself and back when told to: its containers notice nothing of it. */
let world: LabWorld;
let releases: TwoReleases;
let layout: Layout;
let before: readonly string[];

const host = () => firstNode(world);
const idsOf = async () => (await appContainers(host())).map(({ id, startedAt }) => `${id} ${startedAt}`).toSorted();
const skerry = (...argv: readonly string[]) => host().exec(join(layout.current, 'skerry'), ...argv);
const saidBy = () => readFileSync(host().logFile('agent'), 'utf8');

/** In place of systemd, which no host of the lab has: starts it again and again, and says which process it is. */
const SUPERVISOR = 'while :; do "$@" & echo $! >/run/agent.pid; wait $!; sleep 0.2; done';
const restart = (signal: string) => host().exec('sh', '-c', `kill -${signal} "$(cat /run/agent.pid)"`);

beforeAll(async () => {
  releases = await buildTwoReleases();
  world = await startLabWorld(1);
  layout = layoutIn(join(host().disk, 'root'));
  mkdirSync(dirname(layout.lib), { recursive: true });
  const [first] = releases.versions;
  putSlot(layout, releases.executable(first), first);
  setCurrent(layout, first);
  writeFileSync(layout.launch, LAUNCH_SCRIPT, { mode: 0o755 });
  await host().boot({ engine: true });
  await world.lab.loadImages(host(), IMAGES);
  const flags = ['--data-dir', join(host().disk, 'skerry'), '--node-name', host().name, '--keepalive', '5s'];
  const join1 = ['--server', world.lab.serverUrl, '--token', await world.lab.createToken(), '--node-ip', host().address];
  host().launch('agent', ['sh', '-c', SUPERVISOR, 'supervisor', layout.launch, 'agent', ...flags, ...join1]);
  await waitForNode(world, host().name, 'True');
  await world.create(deployment('steady', 4));
  await world.kubectl('rollout', 'status', 'deployment/steady', '--timeout=120s');
  before = await idsOf();
  expect(before).toHaveLength(4);
}, 600_000);

afterAll(async () => {
  await world?.lab.remove();
  releases?.remove();
});

async function untilRuns(version: string): Promise<void> {
  await waitFor(`${version} to stay`, () => (readTrial(layout, 'agent') === undefined ? true : undefined), 60_000);
  expect(currentVersion(layout)).toBe(version);
  await waitFor(`the node to say that it runs ${version}`, async () => {
    const running = await world.kubectl('get', 'node', host().name, '-o', 'jsonpath={.status.nodeInfo.kubeletVersion}');
    return running.includes(version) ? true : undefined;
  });
  await waitForNode(world, host().name, 'True');
  expect(await idsOf()).toEqual(before);
}

test('to a newer release: tried with engine and link, and it stays', async () => {
  await waitFor('the agent to say what it has', () => (readHealth(layout, 'agent')?.length === 2 ? true : undefined), 30_000);
  expect(await skerry('upgrade', '--from', releases.release)).toMatch(/0\.2\.0 is in place, on trial/);
  expect(readTrial(layout, 'agent')).toMatchObject({ to: '0.2.0', back: '0.1.0', needs: ['engine', 'link'] });
  await restart('TERM');
  await untilRuns('0.2.0');
  expect(saidBy()).toMatch(/the release is healthy and stays/);
  expect(await skerry('upgrade', '--from', releases.release)).toMatch(/nothing to do: 0\.2\.0 is installed/);
});

test('a release that can not run as an agent is taken back by itself', async () => {
  const folder = join(host().disk, 'bad');
  const bad = `#!/bin/sh\n[ "$1" = version ] && exec echo '{"release":"0.3.0"}'\necho 'it is broken' >&2\nexit 1\n`;
  writeRelease(folder, { '0.3.0': bad }, releases.key);
  await skerry('upgrade', '--from', folder);
  await restart('TERM');
  await waitFor('0.2.0 to be back', () => (currentVersion(layout) === '0.2.0' ? true : undefined), 60_000);
  await untilRuns('0.2.0');
  expect(saidBy().split('it is broken')).toHaveLength(4);
  expect(JSON.parse(await skerry('upgrade', '--status', '-o', 'json'))).toEqual({
    current: '0.2.0',
    // The bad one is deleted.
    others: [],
    trials: [],
    takenBack: { to: '0.3.0', back: '0.2.0', why: 'it was started 3 times and did not become healthy', when: expect.any(String) },
  });
  await waitFor('the agent to say so', () => (saidBy().includes('an upgrade was taken back') ? true : undefined));
});

test('a release that has its engine but not the link that there was is not taken to be healthy', async () => {
  await world.lab.stopServer();
  await waitFor(
    'the agent to say that it has no link',
    () => (readHealth(layout, 'agent')?.join() === 'engine' ? true : undefined),
    60_000,
  );
  await world.lab.startServer();
  await waitFor('the agent to have its link', () => (readHealth(layout, 'agent')?.length === 2 ? true : undefined), 120_000);
  const older = join(host().disk, 'older');
  writeRelease(older, { '0.1.0': readFileSync(releases.executable('0.1.0')) }, releases.key);
  await expect(skerry('upgrade', '--from', older)).rejects.toThrow(/--allow-downgrade/);
  await skerry('upgrade', '--from', older, '--allow-downgrade');
  await world.lab.stopServer();
  const saidSoFar = saidBy().length;
  await restart('KILL');
  await waitFor(
    'it to say what it lacks',
    () => (saidBy().slice(saidSoFar).includes('there is no link to the server, and there was one before') ? true : undefined),
    60_000,
  );
  expect([readTrial(layout, 'agent')?.starts, await idsOf()]).toEqual([1, before]);
  await world.lab.startServer();
  await untilRuns('0.1.0');
});

test('one that was offline before the upgrade needs no server to stay', async () => {
  await world.lab.stopServer();
  await waitFor(
    'the agent to say that it has no link',
    () => (readHealth(layout, 'agent')?.join() === 'engine' ? true : undefined),
    60_000,
  );
  expect(await skerry('upgrade', '--from', releases.release)).toMatch(/0\.2\.0 is in place, on trial/);
  expect(readTrial(layout, 'agent')).toMatchObject({ to: '0.2.0', needs: ['engine'] });
  await restart('TERM');
  await waitFor('0.2.0 to stay', () => (readTrial(layout, 'agent') === undefined ? true : undefined), 60_000);
  expect([currentVersion(layout), await idsOf()]).toEqual(['0.2.0', before]);
  await world.lab.startServer();
  await untilRuns('0.2.0');
});
