import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Command } from 'commander';
import { nearestKey } from '#install/config/nearest-key.ts';
import { SkerryError } from '#lib/error.ts';
import { DATA_DIR, type Context } from './context.ts';
import { folder } from './flags.ts';

/** The verbs of kubectl that are not ours: whoever types one is told the line that does it. Nothing of them is done here. */
const VERBS: readonly string[] = (
  'annotate api-resources api-versions apply attach auth cluster-info cordon cp debug describe diff drain edit events exec explain expose ' +
  'kustomize label patch port-forward proxy replace rollout run scale set taint top uncordon wait'
).split(' ');

/** What this release's server does not serve to kubectl either. */
const NOT_SERVED: Readonly<Record<string, string>> = {
  attach: 'on its node: docker attach CONTAINER',
  cp: 'on its node: docker cp CONTAINER:FILE .',
  debug: 'on its node: docker exec -it CONTAINER sh',
  exec: 'on its node: docker exec -it CONTAINER sh',
  'port-forward': 'on its node the address of the pod answers (skerry get pods -o wide)',
  top: 'on its node: docker stats',
};

/** What somebody who typed this word means of kubectl; undefined where one of our own is as near, or none. */
export function kubectlVerb(word: string, own: readonly string[]): string | undefined {
  const nearest = nearestKey(word, [...own, ...VERBS]);
  return nearest === undefined || own.includes(nearest) ? undefined : nearest;
}

/** Takes whatever follows, and throws NotServed with how it is done. `--data-dir`: of the settings, as the kubeconfig of this machine's server is there. */
export function kubectlCommand(word: string, verb: string, context: Context): Command {
  return new Command(word)
    .option('--data-dir <dir>', '', folder, DATA_DIR)
    .helpOption(false)
    .allowUnknownOption()
    .allowExcessArguments()
    .action(({ dataDir }: { readonly dataDir: string }) => {
      const instead = NOT_SERVED[verb];
      const what = word === verb ? `"${word}" is a verb of kubectl` : `unknown command '${word}'; "${verb}" is a verb of kubectl`;
      if (instead !== undefined)
        throw new SkerryError('NotServed', `${what}, and this release does not serve it yet; ${instead}`);
      throw new SkerryError('NotServed', `${what}, which works with this server:\n${lineFor(verb, dataDir, context)}`);
    });
}

/** Where this machine has no kubeconfig at all, it is to come from the server's. */
function lineFor(verb: string, dataDir: string, { environment, homedir }: Context): string {
  const own = join(dataDir, 'admin.kubeconfig');
  if ((environment['KUBECONFIG'] ?? '') !== '' || existsSync(join(homedir(), '.kube', 'config'))) return `  kubectl ${verb} …`;
  if (existsSync(own)) return `  KUBECONFIG=${own} kubectl ${verb} …`;
  return `  skerry kubeconfig > skerry.kubeconfig        # on the server; bring the file here\n  KUBECONFIG=skerry.kubeconfig kubectl ${verb} …`;
}
