import { X509Certificate, createHash } from 'node:crypto';
import { join } from 'node:path';
import { Command } from 'commander';
import { newJoinToken } from '#api/join-token.ts';
import { createApiClient } from './client/api-client.ts';
import { DATA_DIR, type Context } from './context.ts';
import { count, folder, parsedOption, ttl } from './flags.ts';
import { readKubeconfig } from './client/kubeconfig.ts';

export function tokenCommand(context: Context): Command {
  return new Command('token')
    .description('Join tokens, by which new nodes are let in.')
    .addHelpText('after', '\nExample:\n  skerry token create')
    .addCommand(createCommand(context));
}

function createCommand(context: Context): Command {
  return new Command('create')
    .description('Make a join token and print it. The server keeps only a hash of it.')
    .option('--data-dir <dir>', "the server's data directory", folder, DATA_DIR)
    .addOption(parsedOption('--ttl <duration>', 'how long it is good for', ttl, '24h'))
    .option('--uses <n>', 'how many nodes may join with it', count, 1)
    .addHelpText('after', '\nExamples:\n  skerry token create\n  skerry token create --ttl 1h --uses 20')
    .action(async ({ dataDir, ttl: ttlMs, uses }: { readonly dataDir: string; readonly ttl: number; readonly uses: number }) => {
      const config = readKubeconfig(join(dataDir, 'admin.kubeconfig'));
      const { token, secret } = newJoinToken({
        caKeyHash: keyHash(config.ca),
        ttlMs,
        uses,
        ids: context.ids,
        now: context.clock.now(),
      });
      await createApiClient(config).send('POST', '/api/v1/namespaces/kube-system/secrets', secret);
      context.stdout(`${token}\n`);
    });
}

function keyHash(caPem: string): string {
  const der = new X509Certificate(caPem).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}
