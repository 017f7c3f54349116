import { spawn } from 'node:child_process';
import { constants } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import type { Readable } from 'node:stream';
import { SkerryError, explain } from '#lib/error.ts';

/** Runs one of the system's network tools (ip, nsenter, nft, iptables) with arguments and a text on its standard input; never through a shell. */
export type Command = (file: string, args: readonly string[], input: string, signal: AbortSignal) => Promise<string>;

const COMMAND_MS_MAX = 15_000;
const OUTPUT_BYTES_MAX = 16 * 1024 * 1024;

/** Throws code ToolMissing where there is no such program, CommandFailed with its first words where it fails. */
export const runCommand: Command = async (file, args, input, signal) => {
  const stdin = input === '' ? undefined : await unnamedFile(input);
  try {
    return await run(file, args, stdin?.fd ?? 'ignore', signal);
  } finally {
    await stdin?.close();
  }
};

function run(file: string, args: readonly string[], stdin: number | 'ignore', signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { timeout: COMMAND_MS_MAX, signal, env: { PATH: SEARCH_PATH, LC_ALL: 'C' } };
    const child = spawn(file, args, { ...options, stdio: [stdin, 'pipe', 'pipe'] });
    const tooMuch = () => child.kill('SIGKILL');
    const [stdout, stderr] = [collect(child.stdout, tooMuch), collect(child.stderr, tooMuch)];
    const fail = (why: string) => reject(new SkerryError('CommandFailed', `${file} ${args.join(' ')}: ${why}`));
    child.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') reject(new SkerryError('ToolMissing', `${file} is not installed on this node`));
      else fail(explain(error));
    });
    child.on('close', (code, killedBy) => {
      if (code === 0) return resolve(stdout());
      const said = stderr().trim().split('\n').slice(0, 3).join('; ');
      return fail(said === '' ? `ended with ${code ?? killedBy}` : said);
    });
  });
}

/** Gives what was read so far. */
function collect(stream: Readable | null, tooMuch: () => void): () => string {
  const chunks: Buffer[] = [];
  let bytes = 0;
  stream?.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > OUTPUT_BYTES_MAX) tooMuch();
    else chunks.push(chunk);
  });
  return () => Buffer.concat(chunks).toString();
}

/** Linux's O_TMPFILE, which Node has no name for. */
const UNNAMED = 0o20_000_000 | constants.O_DIRECTORY | constants.O_RDWR;

/**
 * A file without a name, with this in it. Not a pipe, as Node's are sockets: nft 0.9.8 opens its input by name, which a socket has none of. Memory, where
 * this process may write to /run.
 */
async function unnamedFile(text: string): Promise<FileHandle> {
  const file = await open('/run', UNNAMED, 0o600).catch(() => open(tmpdir(), UNNAMED, 0o600));
  // At a place, so that who reads on from where we are begins at the beginning.
  await file.write(text, 0);
  return file;
}

/** Where these tools are on every distribution, whatever the agent was started with. */
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
