import { labelValueProblems, qualifiedNameProblems, type Problems } from '../names.ts';
import { quoted } from '../quoted.ts';
import { badRequestError } from '../status.ts';

/**
 * The grammar of label selectors in queries, with the words of apimachinery/pkg/labels/selector.go, down to where it has a comma and where
 * not. `a in ()` asks for the empty value, as does `a=`.
 */
export type Requirement = { readonly key: string; readonly operator: string; readonly values: readonly string[] };

/** Throws 400. */
export function parseRequirements(text: string): readonly Requirement[] {
  const parser = new Parser(text);
  const found: Requirement[] = [];
  if (parser.next === '') return found;
  for (;;) {
    if (!parser.isWord && parser.next !== '!') throw unexpected(parser.next, "!, identifier, or 'end of string'");
    found.push(checked(parser.requirement()));
    const separator = parser.take();
    if (separator === '') return found;
    if (separator !== ',') throw unexpected(separator, "',' or 'end of string'");
    if (!parser.isWord && parser.next !== '!') throw unexpected(parser.next, "identifier after ','");
  }
}

const OPERATORS: Readonly<Record<string, string>> = {
  in: 'In',
  notin: 'NotIn',
  '=': 'In',
  '==': 'In',
  '!=': 'NotIn',
  '>': 'Gt',
  '<': 'Lt',
};
const INT64_MAX = 2n ** 63n - 1n;
const INT64_MIN = -(2n ** 63n);

/** As Go's strconv.ParseInt(text, 10, 64); undefined where that gives an error. */
export function parseInt64(text: string): bigint | undefined {
  if (!/^[+-]?\d+$/.test(text)) return undefined;
  const value = BigInt(text);
  return value < INT64_MIN || value > INT64_MAX ? undefined : value;
}

class Parser {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(text: string) {
    // No other white space separates: it is part of a word, and then refused.
    this.#tokens = text.match(/==|!=|[=!<>(),]|[^ \t\r\n=!<>(),]+/g) ?? [];
  }

  /** '' at the end. */
  get next(): string {
    return this.#tokens[this.#at] ?? '';
  }

  get isWord(): boolean {
    return /^[^=!<>(),]/.test(this.next);
  }

  take(): string {
    const token = this.next;
    this.#at += 1;
    return token;
  }

  requirement(): Requirement {
    const isNegated = this.next === '!';
    if (isNegated) this.take();
    if (!this.isWord) throw badRequirement(`found '${this.next}', expected: identifier`);
    const key = this.take();
    const [problem] = invalidValue('<nil>', key, qualifiedNameProblems(key));
    if (problem !== undefined) throw badRequirement(problem);
    if (isNegated) return { key, operator: 'DoesNotExist', values: [] };
    if (this.next === '' || this.next === ',') return { key, operator: 'Exists', values: [] };
    const token = this.take();
    const operator = Object.hasOwn(OPERATORS, token) ? OPERATORS[token] : undefined;
    if (operator === undefined) throw badRequirement(`found '${token}', expected: in, notin, =, ==, !=, gt, lt`);
    return { key, operator, values: token === 'in' || token === 'notin' ? this.#list() : [this.#value()] };
  }

  #list(): readonly string[] {
    const open = this.take();
    if (open !== '(') throw badRequirement(`found '${open}' expected: '('`);
    if (!this.isWord && this.next !== ',' && this.next !== ')')
      throw badRequirement(`found '${this.next}', expected: ',', ')' or identifier`);
    const values: string[] = [];
    for (;;) {
      values.push(this.isWord ? this.take() : '');
      const token = this.take();
      // Upstream keeps a sorted set, which the places named in its errors count along.
      if (token === ')') return [...new Set(values)].toSorted();
      if (token !== ',') throw badRequirement(`found '${token}', expected: ',' or ')'`);
      if (!this.isWord && this.next !== ',' && this.next !== ')')
        throw badRequirement(`found '${this.next}', expected: ',', or identifier`);
    }
  }

  /** Nothing at all is the empty value. */
  #value(): string {
    if (this.next === '' || this.next === ',') return '';
    if (!this.isWord) throw badRequirement(`found '${this.next}', expected: identifier`);
    return this.take();
  }
}

function checked(requirement: Requirement): Requirement {
  const { key, operator, values } = requirement;
  const isComparison = operator === 'Gt' || operator === 'Lt';
  const problems = values.flatMap((value, index) => [
    ...(isComparison && parseInt64(value) === undefined
      ? invalidValue(`values[${index}]`, value, ["for 'Gt', 'Lt' operators, the value must be an integer"])
      : []),
    ...invalidValue(`values[${index}][${key}]`, value, labelValueProblems(value)),
  ]);
  if (problems.length === 0) return requirement;
  throw badRequirement(problems.length === 1 ? (problems[0] ?? '') : `[${problems.join(', ')}]`);
}

/** All that is wrong with one value is one error. */
function invalidValue(place: string, value: string, problems: Problems): readonly string[] {
  return problems.length === 0 ? [] : [`${place}: Invalid value: ${quoted(value)}: ${problems.join('; ')}`];
}

function badRequirement(what: string): unknown {
  return badRequestError(`unable to parse requirement: ${what}`);
}

function unexpected(found: string, expected: string): unknown {
  return badRequestError(`found '${found}', expected: ${expected}`);
}
