import { pino, type Logger } from 'pino';

/** What the code logs through. A constant sentence as message, facts as fields, an error as `err`; a child per component, then per object. */
export type Log = Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> & {
  readonly child: (bindings: Record<string, unknown>) => Log;
};

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];

/** Of lines that could not be written yet. */
const UNWRITTEN_BYTES_MAX = 1024 * 1024;

/** The root logger, JSON lines to stderr, written synchronously (pino's worker transports do not live in the executable). */
export function rootLog(level: LogLevel): Log {
  const destination = pino.destination({ dest: 2, sync: true, maxLength: UNWRITTEN_BYTES_MAX });
  // A log that can not be written (its disk is full, its terminal is gone) ends nothing; what it says is lost until it can.
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['token', 'secret', 'key', '*.token', '*.secret', '*.key'], censor: '[redacted]' },
    },
    destination,
  );
}

export const silentLog: Log = pino({ level: 'silent' });
