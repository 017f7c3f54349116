import { pino, type Logger } from 'pino';
import { SkerryError, explain } from './error.ts';
import { logLine } from './log-line.ts';

/** What the code logs through. A constant sentence as message, facts as fields, an error as `err`; a child per component, then per object. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> & {
  readonly child: (bindings: Record<string, unknown>) => Log;
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Of lines that could not be written yet. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

/** `json` for machines, one object a line; the others for a person at a terminal. */
export type LogForm = 'json' | 'text' | 'coloured';

/** The root logger, lines to stderr, written synchronously (pino's worker transports do not live in the executable). */
export function rootLog(level: LogLevel, form: LogForm): Log {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A log that can not be written (its disk is full, its terminal is gone) ends nothing; what it says is lost until it can.
  destination.on('error', () => undefined);
  return logTo((line) => void destination.write(line), level, form);
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
    { write: form === 'json' ? write : (line) => write(logLine(line, form === 'coloured')) },
  );
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
