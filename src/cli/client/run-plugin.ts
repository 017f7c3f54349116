import { spawn } from 'node:child_process';
import { SkerryError } from '#lib/error.ts';
import { parsePluginAnswer, pluginInput, type Plugin, type PluginCredential } from './credential-plugin.ts';

/** Runs a credential plugin: argv only; it speaks to the user on stderr, and reads what the user types where it may and can. */
export type PluginOutside = {
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Whether somebody sits at the standard input. */
  readonly interactive: () => boolean;
};

const ANSWER_BYTES_MAX = 1024 * 1024;

/** Throws BadKubeconfig. */
export async function runPlugin(plugin: Plugin, outside: PluginOutside): Promise<PluginCredential> {
  const { command, installHint } = plugin;
  const failed = (what: string, cause?: unknown) =>
    new SkerryError('BadKubeconfig', `run the credential plugin ${command} of ${plugin.file}: ${what}`, { cause });
  if (plugin.interactive === 'Always' && !outside.interactive())
    throw failed('it needs a terminal on standard input (interactiveMode: Always)');
  const interactive = plugin.interactive !== 'Never' && outside.interactive();
  const env = { ...outside.environment, ...plugin.env, KUBERNETES_EXEC_INFO: pluginInput(plugin, interactive) };
  const answer = await new Promise<string>((resolve, reject) => {
    const child = spawn(command, plugin.args, { env, stdio: [interactive ? 'inherit' : 'ignore', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > ANSWER_BYTES_MAX) child.kill();
      else chunks.push(chunk);
    });
    child.on('error', (cause) => {
      const isMissing = 'code' in cause && cause.code === 'ENOENT';
      reject(
        failed(isMissing ? `it is not installed${installHint === '' ? '' : `\n${installHint}`}` : 'it can not be started', cause),
      );
    });
    child.on('close', (code, signal) => {
      if (bytes > ANSWER_BYTES_MAX) reject(failed(`its answer is longer than ${ANSWER_BYTES_MAX} bytes`));
      else if (code === 0) resolve(Buffer.concat(chunks).toString('utf8'));
      else reject(failed(code === null ? `it was ended by ${signal}` : `it failed with exit code ${code}`));
    });
  });
  return parsePluginAnswer(plugin, answer);
}
