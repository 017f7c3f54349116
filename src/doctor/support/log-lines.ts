import { parsedJson, textField } from '#lib/json-field.ts';
import { allow } from './allow.ts';
import { LOG_FIELDS } from './shapes.ts';

/** Our own log lines are JSON, of which known fields are kept; other lines (of the supervisor, of a crash) stay texts. Pure. */
export function logLines(text: string): string {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line) => `${logLine(line)}\n`)
    .join('');
}

/** Of `journalctl --output=json`: when, who, and the line itself. A message that is no text is an array of bytes there. */
export function journalLines(text: string): string {
  const lines = text.split('\n').flatMap((line) => {
    const entry = parsedJson(line);
    const message = textField(entry, 'MESSAGE');
    if (message === '') return [];
    const micros = Number(textField(entry, '__REALTIME_TIMESTAMP'));
    const time = Number.isFinite(micros) && micros > 0 ? new Date(micros / 1000).toISOString() : '';
    return [`${time} ${textField(entry, '_SYSTEMD_UNIT')} ${textField(entry, 'SYSLOG_IDENTIFIER')}: ${logLine(message)}\n`];
  });
  return lines.join('');
}

/** Of an object that is cut (by a full disk, by a power cut) nobody knows which of its fields is which. */
function logLine(line: string): string {
  if (!line.startsWith('{')) return line;
  const value = parsedJson(line);
  return value === undefined ? '(a line that is cut)' : JSON.stringify(allow(value, LOG_FIELDS) ?? {});
}
