/**
 * A line of the log for people: time, level, message, then key=value facts, and a bug's stack below it. Pure, from the JSON line that
 * everybody else reads; what has no such form is given as it came. It decides nothing about what is logged.
 */
export function logLine(json: string, colours: boolean): string {
  const facts = parse(json);
  if (facts === undefined) return json;
  const { time, level, msg, ...rest } = facts;
  const [paint, end] = colours ? [COLOURS[textOf(level)] ?? '', '\u001b[0m'] : ['', ''];
  const stacks: string[] = [];
  const words = Object.entries(rest).map(([key, value]) => {
    if (!isRecord(value) || typeof value['message'] !== 'string') return `${escaped(key)}=${valueOf(value)}`;
    const { code, type, message, stack } = value;
    if (typeof stack === 'string') stacks.push(...stack.split('\n').map((line) => `    ${escaped(line.trim())}`));
    return `${escaped(key)}=${valueOf(`${textOf(code ?? type ?? 'Error')}: ${message}`)}`;
  });
  const head = [
    escaped(textOf(time)),
    `${paint}${escaped(textOf(level)).toUpperCase().padEnd(LEVEL_WIDTH)}${end}`,
    escaped(textOf(msg)),
  ];
  return `${[[...head, ...words].join(' '), ...stacks].join('\n')}\n`;
}

const LEVEL_WIDTH = 5;
/** ANSI: cyan, green, yellow, red. */
const COLOURS: Readonly<Record<string, string>> = {
  debug: '\u001b[36m',
  info: '\u001b[32m',
  warn: '\u001b[33m',
  error: '\u001b[31m',
};

function parse(json: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

function valueOf(value: unknown): string {
  return escaped(typeof value === 'string' && /^[^\s"=]+$/.test(value) ? value : JSON.stringify(value));
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '');
}

/** What others wrote (a node, an engine) must not steer the terminal. */
function escaped(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`);
}
