import { pino, type Logger } from 'pino';
import { SkerryError, explain } from './error.ts';
import { withPriority } from './journal.ts';
import { logFileWriter } from './log-file.ts';
import { logLine } from './log-line.ts';
import type { LogLevel } from './log-level.ts';

/** What the code logs through. A constant sentence as message, facts as fields, an error as `err`; a child per component, then per object. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> & {
  readonly child: (bindings: Record<string, unknown>) => Log;
};

/** Of lines that could not be written yet. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

/** `json` for machines, one object a line, and `journal` the same behind its priority; the others for a person at a terminal. */
export type LogForm = 'json' | 'journal' | 'text' | 'coloured';

/** The root logger, lines to stderr or, as JSON, to `file`, written synchronously (pino's worker transports do not live in the executable). */
export function rootLog(level: LogLevel, form: LogForm, file?: string): Log {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A log that can not be written (its disk is full, its terminal is gone) ends nothing; what it says is lost until it can.
  destination.on('error', () => undefined);
  const toStderr = (line: string) => void destination.write(line);
  return file === undefined ? logTo(toStderr, level, form) : logTo(logFileWriter(file, toStderr), level, 'json');
}

export function logTo(write: (line: string) => void, level: LogLevel, form: LogForm): Log {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: (error: unknown) => (isExpected(error) && level !== 'debug' ? inShort(error) : inFull(error)) },
      redact: { paths: ['token', 'secret', 'key', '*.token', '*.secret', '*.key'], censor: '[redacted]' },
    },
    { write: (line) => write(shaped(line, form)) },
  );
}

function shaped(line: string, form: LogForm): string {
  switch (form) {
    case 'json':
      return line;
    case 'journal':
      return withPriority(line);
    case 'text':
    case 'coloured':
      return logLine(line, form === 'coloured');
  }
}

/** What the world does needs no stack: its chain of reasons says more. */
function isExpected(error: unknown): error is SkerryError {
  return error instanceof SkerryError && error.code !== 'Bug';
}

function inShort(error: SkerryError): { readonly code: string; readonly message: string } {
  return { code: error.code, message: explain(error) };
}

function inFull(error: unknown): unknown {
  return error instanceof Error ? pino.stdSerializers.err(error) : error;
}

export const silentLog: Log = pino({ level: 'silent' });
