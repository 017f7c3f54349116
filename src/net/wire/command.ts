import { execFile } from 'node:child_process';
import { SkerryError } from '#lib/error.ts';

/** Runs one of the system's network tools (ip, nsenter, nft, iptables) with arguments and a text on its standard input; never through a shell. */
export type Command = (file: string, args: readonly string[], input: string, signal: AbortSignal) => Promise<string>;

const COMMAND_MS_MAX = 15_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Throws code ToolMissing where there is no such program, CommandFailed with its first words where it fails. */
export const runCommand: Command = (file, args, input, signal) =>
  new Promise((resolve, reject) => {
    const options = { timeout: COMMAND_MS_MAX, maxBuffer: OUTPUT_BYTES_MAX, signal, env: { PATH: SEARCH_PATH, LC_ALL: 'C' } };
    const child = execFile(file, [...args], options, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const what = `${file} ${args.join(' ')}`;
      if (error.code === 'ENOENT') return reject(new SkerryError('ToolMissing', `${file} is not installed on this node`));
      const said = stderr.trim().split('\n').slice(0, 3).join('; ');
      return reject(new SkerryError('CommandFailed', `${what}: ${said === '' ? error.message : said}`));
    });
    // A program that ends before it has read everything says why by its exit.
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input);
  });

/** Where these tools are on every distribution, whatever the agent was started with. */
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
