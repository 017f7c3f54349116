import { parsedJson, textField } from '#lib/json-field.ts';
import { allow } from './allow.ts';
import { LOG_FIELDS } from './shapes.ts';

/**
 * Our own log lines are JSON, of which known fields are kept. Of other lines only those stay whose author and form are known (the supervisor's, our last words, a
 * crash's): what else comes into a journal may be anything. Pure.
 */
const OTHERS = '(a line of another hand)';
const CUT = '(a line that is cut)';

/** Of a log file, in which every line is ours. */
export function logLines(text: string): string {
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line) => `${ourLine(line) ?? OTHERS}\n`).join('');
}

/** Of `journalctl --output=json`: when, who, and the line itself. A message that is no text is an array of bytes there. */
export function journalLines(text: string): string {
  let isCut = false;
  const lines = text.split('\n').flatMap((line) => {
    const entry = parsedJson(line);
    const message = textField(entry, 'MESSAGE');
    // What is too long comes in several entries, of which all but the first begin anywhere.
    const goesOn = isCut;
    isCut = textField(entry, '_LINE_BREAK') === 'line-max';
    if (message === '') return [];
    const micros = Number(textField(entry, '__REALTIME_TIMESTAMP'));
    const time = Number.isFinite(micros) && micros > 0 ? new Date(micros / 1000).toISOString() : '';
    const identifier = textField(entry, 'SYSLOG_IDENTIFIER');
    const kept = goesOn ? CUT : (ourLine(message) ?? knownLine(message, identifier) ?? OTHERS);
    return [`${time} ${textField(entry, '_SYSTEMD_UNIT')} ${identifier}: ${kept}\n`];
  });
  return lines.join('');
}

/** Of an object that is cut (by a full disk, by a power cut) nobody knows which of its fields is which. */
function ourLine(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  const value = parsedJson(line);
  return value === undefined ? CUT : JSON.stringify(allow(value, LOG_FIELDS) ?? {});
}

/** systemd's words; those of `launch` and of a command that fails; of a crash the error and where it happened, never the source line that Node shows. */
const KNOWN =
  /^(?:skerry(?: launch)?: |\s+at |(?:[A-Z]\w*)?Error\b|FATAL ERROR: |Node\.js v|Trace\/breakpoint|Segmentation fault)/;

function knownLine(line: string, identifier: string): string | undefined {
  // Of a unit's file that it can not read it quotes the line.
  if (identifier === 'systemd') return line.replace(/(ignoring: ).*/, '$1(withheld)');
  return KNOWN.test(line) ? line : undefined;
}
