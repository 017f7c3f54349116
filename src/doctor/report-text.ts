import type { DoctorReport } from './doctor.ts';
import type { Finding, Status } from './finding.ts';

/** The report for a person: one line a finding, its advice below it. Colours only where asked for. */
const MARKS: Readonly<Record<Status, string>> = { ok: '✓', warning: '!', error: '✗', unknown: '?' };
/** Of the terminal: green, yellow, red, grey. */
const COLOURS: Readonly<Record<Status, string>> = { ok: '32', warning: '33', error: '31', unknown: '90' };

export function reportText({ findings }: DoctorReport, coloured: boolean): string {
  const width = Math.max(0, ...findings.map(({ check }) => check.length));
  return findings
    .map((finding, index) => lines(finding, findings[index - 1]?.check === finding.check ? '' : finding.check, width, coloured))
    .join('');
}

function lines({ status, message, advice }: Finding, name: string, width: number, coloured: boolean): string {
  const mark = coloured ? `\u001b[${COLOURS[status]}m${MARKS[status]}\u001b[0m` : MARKS[status];
  const indent = ' '.repeat(width + 6);
  const below =
    advice === undefined
      ? ''
      : advice
          .split('\n')
          .map((line, index) => `${indent}${index === 0 ? '→ ' : '  '}${line}\n`)
          .join('');
  return `${mark} ${name.padEnd(width)}  ${printable(message)}\n${below}`;
}

/** What others wrote (an engine, a program) moves no cursor. */
function printable(text: string): string {
  return text.replaceAll(/\p{Cc}+/gu, ' ');
}
