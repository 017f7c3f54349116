import { Command } from 'commander';
import { expect, test } from 'vitest';
import { cliContext } from '../../test/support/cli-context.ts';
import { program } from './program.ts';
import { spellFlags, verbFirst } from './spell-flags.ts';
import { withServerFlags } from './server-flags.ts';

test.each([
  ['get cm -n=n2 -l=a=b -o=json', 'get cm --namespace n2 --selector a=b --output json'],
  ['get cm -n n2 -la=b -ojson', 'get cm --namespace n2 --selector a=b --output json'],
  ['get cm -Awl=a=b', 'get cm --all-namespaces --watch --selector a=b'],
  ['get cm -l -w -n=', 'get cm --selector -w --namespace ='],
  ['get cm -A=true --watch=T --no-headers=1', 'get cm --all-namespaces --watch --no-headers'],
  ['get cm --all-namespaces=false -w --watch=0', 'get cm'],
  ['get cm -w=false -w', 'get cm --watch'],
  ['get cm -l -w -wA -w=false', 'get cm --selector -w --all-namespaces'],
  ['get cm --watch=maybe --nonsense=1 -Azx', 'get cm --watch=maybe --nonsense=1 --all-namespaces -zx'],
  ['get --selector=a=b -- -n=x', 'get --selector a=b -- -n=x'],
  ['get -n', 'get --namespace'],
  ['delete --wait pod a --dry-run --cascade', 'delete --wait=true pod a --dry-run=client --cascade=background'],
  ['delete --wait=false -f=a.yaml -f - -R=true', 'delete --wait=false --filename a.yaml --filename - --recursive'],
  ['logs -fp=false --tail=-1 talk', 'logs --follow --tail -1 talk'],
  ['token create --uses=2', 'token create --uses 2'],
  ['serve -n=x', 'serve -n=x'],
])('%s is read as %s', async (typed, spelt) => {
  const argv = typed.split(' ');
  expect(spellFlags(argv, await program(argv[0], cliContext({}).context)).join(' ')).toBe(spelt);
});

test.each([
  ['-n web get pods -A', 'get -n web pods -A'],
  ['-n=web --kubeconfig=f --context c delete cm a -n b', 'delete -n=web --kubeconfig=f --context c cm a -n b'],
  ['-nweb get', 'get -nweb'],
  ['-A get pods', '-A get pods'],
  ['--version', '--version'],
  ['-n web --help', '-n web --help'],
  ['-n', '-n'],
])('%s is read as %s, with the verb first', (typed, read) => {
  expect(verbFirst(typed.split(' '), withServerFlags(new Command())).join(' ')).toBe(read);
});

test('a flag whose value may be left away says what it then means', async () => {
  const commands = [await program(undefined, cliContext({}).context)];
  for (const command of commands) {
    commands.push(...command.commands);
    for (const { optional, flags, presetArg, argChoices } of command.options)
      if (optional) expect([flags, argChoices]).toEqual([flags, expect.arrayContaining([presetArg])]);
  }
});
