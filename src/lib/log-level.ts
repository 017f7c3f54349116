/** What a log may be told to say. Apart from log.ts, whose logger takes 7 ms to load: commands that log nothing know its levels too. */
export const LOG_LEVELS = ['debug', 'info', 'warn', 'error', 'silent'] as const;
export type LogLevel = (typeof LOG_LEVELS)[number];
