import type { LabelSelector } from '../generated/types.ts';
import type { KubeObject } from '../object.ts';
import { badRequestError } from '../status.ts';

/** Label selectors: as text in a query, and as the LabelSelector of a spec (apimachinery/pkg/labels). */
export type Matcher = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string>>;
type Requirement = (labels: Labels) => boolean;

const TEXT_LENGTH_MAX = 16 * 1024;

/** `a=b,c!=d,e in (f,g),!h`. Throws 400 in upstream's words. */
export function parseLabelSelector(text: string): Matcher {
  if (text.length > TEXT_LENGTH_MAX) throw badRequestError(`the label selector is longer than ${TEXT_LENGTH_MAX} characters`);
  const requirements = new Parser(text).requirements();
  return ({ metadata }) => requirements.every((holds) => holds(metadata.labels ?? {}));
}

/** An absent selector matches nothing, an empty one everything. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels | undefined): boolean {
  if (selector === undefined) return false;
  const given = labels ?? {};
  const equal = Object.entries(selector.matchLabels ?? {}).every(([key, value]) => given[key] === value);
  return (
    equal && (selector.matchExpressions ?? []).every(({ key, operator, values = [] }) => holds(operator, key, values)(given))
  );
}

function holds(operator: string, key: string, values: readonly string[]): Requirement {
  switch (operator) {
    case 'In':
      return (labels) => labels[key] !== undefined && values.includes(labels[key]);
    case 'NotIn':
      return (labels) => labels[key] === undefined || !values.includes(labels[key]);
    case 'Exists':
      return (labels) => labels[key] !== undefined;
    case 'DoesNotExist':
      return (labels) => labels[key] === undefined;
    case 'Gt':
    case 'Lt': {
      const bound = Number(values[0]);
      return (labels) => {
        const value = labels[key] === undefined || !/^-?\d+$/.test(labels[key]) ? Number.NaN : Number(labels[key]);
        return operator === 'Gt' ? value > bound : value < bound;
      };
    }
    default:
      return () => false;
  }
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = text.match(/==|!=|[=!<>(),]|[^\s=!<>(),]+/g) ?? [];
  }

  requirements(): readonly Requirement[] {
    const found: Requirement[] = [];
    while (this.#at < this.#tokens.length) {
      found.push(this.#requirement());
      if (this.#at < this.#tokens.length) this.#expect(',', "',' or 'end of string'");
    }
    return found;
  }

  #requirement(): Requirement {
    if (this.#peek() === '!') {
      this.#at++;
      return holds('DoesNotExist', this.#word('identifier'), []);
    }
    const key = this.#word('identifier');
    const operator = this.#peek();
    if (operator === undefined || operator === ',') return holds('Exists', key, []);
    this.#at++;
    if (operator === '=' || operator === '==') return holds('In', key, [this.#value()]);
    if (operator === '!=') return holds('NotIn', key, [this.#value()]);
    if (operator === 'in') return holds('In', key, this.#list());
    if (operator === 'notin') return holds('NotIn', key, this.#list());
    if (operator === '<' || operator === '>') return holds(operator === '<' ? 'Lt' : 'Gt', key, [this.#value()]);
    throw this.#unexpected(operator, 'in, notin, =, ==, !=, gt, lt');
  }

  #list(): readonly string[] {
    this.#expect('(', "'('");
    const values: string[] = [];
    while (this.#peek() !== ')') {
      values.push(this.#peek() === ',' ? '' : this.#value());
      if (this.#peek() !== ')') this.#expect(',', "',' or ')'");
    }
    this.#at++;
    return values;
  }

  /** Nothing at all is the empty value. */
  #value(): string {
    const token = this.#peek();
    if (token === undefined || token === ',' || token === ')') return '';
    return this.#word('identifier');
  }

  #word(what: string): string {
    const token = this.#peek();
    if (token === undefined || /^[=!<>(),]/.test(token)) throw this.#unexpected(token ?? '', what);
    this.#at++;
    return token;
  }

  #expect(token: string, what: string): void {
    if (this.#peek() !== token) throw this.#unexpected(this.#peek() ?? '', what);
    this.#at++;
  }

  #peek(): string | undefined {
    return this.#tokens[this.#at];
  }

  #unexpected(found: string, expected: string): unknown {
    return badRequestError(
      `unable to parse requirement: found '${found}' expected: ${expected}`.replace(/expected: ([^']\S*)$/, 'expected: $1'),
    );
  }
}
