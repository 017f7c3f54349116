import { X509Certificate, createHash } from 'node:crypto';
import { Command, InvalidArgumentError, Option } from 'commander';
import { newJoinToken } from '#api/join-token.ts';
import { DATA_DIR, type Context } from '../context.ts';
import { count, folder, nodeName, parsedOption, ttl } from '../flags.ts';
import { SECRETS_PATH } from './secrets.ts';

type Flags = {
  readonly dataDir: string;
  readonly ttl: number;
  readonly uses: number;
  readonly replace?: string;
  readonly description?: string;
};

export function createTokenCommand(context: Context): Command {
  return new Command('create')
    .description('Make a join token and print it. The server keeps only a hash of it.')
    .option('--data-dir <dir>', "the server's data directory", folder, DATA_DIR)
    .addOption(parsedOption('--ttl <duration>', 'how long it is good for', ttl, '24h'))
    .option('--uses <n>', 'how many nodes may join with it', count, 1)
    .addOption(
      new Option('--replace <name>', 'for a machine that takes the place of this node, and for no other')
        .argParser(nodeName)
        .conflicts('uses'),
    )
    .option('--description <text>', 'what it is for, as `skerry token list` shows it', description)
    .addHelpText(
      'after',
      `
Examples:
  skerry token create
  skerry token create --ttl 1h --uses 20 --description 'boards of the harbour'
  skerry token create --replace edge-7        # the machine of node edge-7 has lost its data, or was exchanged

A machine that has lost its data can not prove any more that it is the node it was, so that its name is refused to it. A token
made with --replace lets one machine in under that name: it gets the node's pods, its address range and its labels; the machine
that had the name before is cut off at once, and what still runs on it goes on until it is stopped there.`,
    )
    .action(async ({ dataDir, ttl: ttlMs, uses, replace, description }: Flags) => {
      const { connectToOwnServer } = await import('../client/own-server.ts');
      const { client, ca } = await connectToOwnServer(dataDir, context);
      const { token, secret } = newJoinToken({
        caKeyHash: keyHash(ca),
        ttlMs,
        uses,
        ...(replace === undefined ? {} : { replaces: replace }),
        ...(description === undefined ? {} : { description }),
        ids: context.ids,
        now: context.clock.now(),
      });
      await client.send('POST', SECRETS_PATH, secret);
      context.stdout(`${token}\n`);
    });
}

const DESCRIPTION_CHARACTERS_MAX = 256;

function description(text: string): string {
  if (text.length > DESCRIPTION_CHARACTERS_MAX || /\p{Cc}/u.test(text))
    throw new InvalidArgumentError(`Use one line of at most ${DESCRIPTION_CHARACTERS_MAX} characters.`);
  return text;
}

function keyHash(caPem: string): string {
  const der = new X509Certificate(caPem).publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('hex');
}
