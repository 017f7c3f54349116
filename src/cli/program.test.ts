import { expect, test } from 'vitest';
import { systemClock } from '#lib/clock.ts';
import { systemIds } from '#lib/ids.ts';
import type { AgentFlags, Context, ServerFlags } from './context.ts';
import { runProgram } from './program.ts';

async function run(...argv: readonly string[]) {
  let output = '';
  const given: (ServerFlags | AgentFlags)[] = [];
  const take = async (flags: ServerFlags | AgentFlags) => void given.push(flags);
  const context: Context = {
    stdout: (text) => (output += text),
    stderr: (text) => (output += text),
    clock: systemClock,
    ids: systemIds,
    release: '1.2.3',
    hostname: () => 'Board-7',
    runServer: take,
    runAgent: take,
  };
  return { code: await runProgram(argv, context), output, given };
}

test.each(['server', 'agent', 'token', 'token create', 'confirm', 'version'])(
  'help of %s: examples, and defaults as a user would write them',
  async (command) => {
    const { code, output } = await run(...command.split(' '), '--help');
    expect([code, output]).toEqual([0, expect.stringMatching(/Examples?:\n {2}skerry/)]);
    expect(output).not.toMatch(/default:\s+([{[]|\d{4,})/);
  },
);

test('without flags the defaults of the help hold', async () => {
  const server = await run('server');
  expect(server.given).toEqual([
    { dataDir: '/var/lib/skerry', listen: { host: '0.0.0.0', port: 6443 }, agent: true, logLevel: 'info' },
  ]);
  const agent = await run('agent');
  expect(agent.given).toEqual([
    {
      dataDir: '/var/lib/skerry',
      docker: '/var/run/docker.sock',
      keepaliveMs: 30_000,
      labels: {},
      capacity: {},
      logLevel: 'info',
    },
  ]);
});

test('what is no command or no flag is refused, with what would be one', async () => {
  expect(await run('serve')).toMatchObject({ code: 2, output: expect.stringContaining('Did you mean server?') });
  expect(await run('agent', '--tokn', 'x')).toMatchObject({ code: 2, output: expect.stringContaining('--token') });
});
