import { expect, test } from 'vitest';
import { installPackages } from './install-packages.ts';
import { NETWORK_TOOLS, fetching } from './packages.ts';
import type { RunProgram } from './run-program.ts';

test('what a failing manager has said is told once: while it works', async () => {
  const told: string[] = [];
  const run: RunProgram = async (_argv, _msMax, _signal, { hear } = {}) => {
    hear?.('E: Unable to locate package nftables');
    return { type: 'ended', code: 100, stdout: '', stderr: 'E: Unable to locate package nftables\n' };
  };
  const stick = fetching('apt-get', NETWORK_TOOLS, ['/s/a_amd64.deb']);
  const attempt = installPackages(stick, run, (text) => told.push(text), new AbortController().signal);
  await expect(attempt).rejects.toMatchObject({
    code: 'PackagesFailed',
    message: expect.stringMatching(/^install iproute2, nftables: apt-get .*:\n {2}exit code 100, for the reason above\n\(mend/),
  });
  expect(told).toEqual(['  E: Unable to locate package nftables']);
});
