import { execFile } from 'node:child_process';

/**
 * Runs one of the system's programs and tells how it ended; a failure is an answer here, unlike in net/wire/command.ts, where it is thrown.
 * Bounded in time and output, with an environment that is made, not inherited: proxies are all it takes over.
 */
export type Ran =
  | { readonly type: 'ended'; readonly code: number; readonly stdout: string; readonly stderr: string }
  | { readonly type: 'missing' }
  /** Too long, too much, or no longer wanted. */
  | { readonly type: 'stopped'; readonly why: string };

/** `hear`: gets each line while it works. */
export type RunProgram = (
  argv: readonly string[],
  msMax: number,
  signal: AbortSignal,
  more?: { readonly hear?: (line: string) => void },
) => Promise<Ran>;

const OUTPUT_BYTES_MAX = 16 * 1024 ** 2;
const SEARCH_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** The first three: a package's questions take their default, and nothing else on the machine is restarted for its sake. */
const FIXED = {
  DEBIAN_FRONTEND: 'noninteractive',
  NEEDRESTART_MODE: 'l',
  APT_LISTCHANGES_FRONTEND: 'none',
  LC_ALL: 'C',
  HOME: '/root',
};
const PROXIES = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy'];

export function programRunner(environment: Readonly<Record<string, string | undefined>>): RunProgram {
  const proxies = Object.fromEntries(
    [...PROXIES, ...PROXIES.map((name) => name.toUpperCase())].flatMap((name) =>
      environment[name] === undefined ? [] : [[name, environment[name]] as const],
    ),
  );
  const env = { ...FIXED, ...proxies, PATH: SEARCH_PATH };
  return ([file = '', ...args], msMax, signal, { hear } = {}) =>
    new Promise((resolve) => {
      const options = { timeout: msMax, killSignal: 'SIGKILL', maxBuffer: OUTPUT_BYTES_MAX, signal, env } as const;
      const child = execFile(file, args, options, (error, stdout, stderr) => {
        if (error === null) return resolve({ type: 'ended', code: 0, stdout, stderr });
        if (error.code === 'ENOENT') return resolve({ type: 'missing' });
        if (typeof error.code === 'number') return resolve({ type: 'ended', code: error.code, stdout, stderr });
        resolve({ type: 'stopped', why: error.killed === true ? `no end within ${msMax / 1000} s` : error.message });
      });
      if (hear !== undefined) for (const stream of [child.stdout, child.stderr]) stream?.on('data', linesTo(hear));
      child.stdin?.end();
    });
}

/** What ends without an end of line is in the result only. */
function linesTo(hear: (line: string) => void): (chunk: string | Buffer) => void {
  let begun = '';
  return (chunk) => {
    const lines = `${begun}${chunk.toString()}`.split(/[\r\n]+/);
    begun = lines.pop() ?? '';
    for (const line of lines) if (line.trim() !== '') hear(line);
  };
}

/** Why it did not do what it was to do, in its own last words; undefined where it did. */
export function failureOf(ran: Ran): string | undefined {
  switch (ran.type) {
    case 'missing':
      return 'there is no such program';
    case 'stopped':
      return ran.why;
    case 'ended': {
      if (ran.code === 0) return undefined;
      const said = `${ran.stdout}\n${ran.stderr}`.split('\n').filter((line) => line.trim() !== '');
      return said.length === 0 ? `exit code ${ran.code}` : said.slice(-LAST_LINES).join('\n  ');
    }
  }
}

const LAST_LINES = 6;
