import { expect, test } from 'vitest';
import { cliContext } from '../../test/support/cli-context.ts';
import { agentCommand } from './agent.ts';
import { configKeys, keysOf } from './config-keys.ts';
import { givenSettings } from './given-settings.ts';

const { context } = cliContext({});
const keys = { own: keysOf(agentCommand(context).options), all: configKeys(context) };
const given = (typed: Readonly<Record<string, string | true>>, environment: Readonly<Record<string, string>>) =>
  givenSettings(new Map(Object.entries(typed)), environment, keys);

test('variables are kept as flags are, which go before them', () => {
  const environment = {
    SKERRY_NODE_NAME: 'x',
    SKERRY_LABELS: 'a=b',
    SKERRY_DATA_DIR: '',
    SKERRY_NO_AGENT: 'true',
    HOME: '/root',
  };
  expect(given({ labels: 'c=d' }, environment)).toEqual({ 'node-name': 'x', labels: 'c=d' });
  const server = { own: keys.all, all: keys.all };
  expect(givenSettings(new Map(), { SKERRY_NO_AGENT: 'no' }, server)).toEqual({ 'no-agent': false });
});

test('of a token one place tells', () => {
  const environment = { SKERRY_TOKEN_FILE: '/e', SKERRY_TOKEN: 'skr1.e' };
  expect(given({}, environment)).toEqual({ 'token-file': '/e', token: 'skr1.e' });
  expect(given({ token: 'skr1.t' }, environment)).toEqual({ token: 'skr1.t' });
  expect(given({ 'token-file': '/t' }, environment)).toEqual({ 'token-file': '/t' });
});

test('what is wrong with the variables is told, all of it', () => {
  const wrong = { SKERRY_LISTN: '1', SKERRY_NODE_NAME: 'Edge_2', SKERRY_LISTEN: 'nowhere' };
  expect(() => given({}, wrong)).toThrow(/SKERRY_LISTN: did you mean SKERRY_LISTEN\?\n[^]*SKERRY_NODE_NAME[^]*SKERRY_LISTEN/);
  // What install.sh reads, and what merely begins like ours.
  const others = {
    SKERRY_URL: 'https://a',
    SKERRY_VERSION: '1.2.3',
    SKERRY_SHA256: 'ab',
    SKERRY_CONFIG: '/dev/null',
    SKERRY_PORT: 'tcp://x',
  };
  expect(given({}, others)).toEqual({});
});
