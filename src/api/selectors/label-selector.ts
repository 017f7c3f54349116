import type { LabelSelector } from '../generated/types.ts';
import type { KubeObject } from '../object.ts';
import { badRequestError } from '../status.ts';
import { parseRequirements, type Requirement } from './label-requirements.ts';

/** What label selectors select: as text in a query, and as the LabelSelector of a spec (apimachinery/pkg/labels). */
export type Matcher = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string>>;

const TEXT_LENGTH_MAX = 16 * 1024;
const INTEGER = /^[+-]?\d+$/;

/** `a=b,c!=d,e in (f,g),!h`. Throws 400 in upstream's words. */
export function parseLabelSelector(text: string): Matcher {
  if (text.length > TEXT_LENGTH_MAX) throw badRequestError(`the label selector is longer than ${TEXT_LENGTH_MAX} characters`);
  const requirements = parseRequirements(text);
  return ({ metadata: { labels = {} } }) => requirements.every((requirement) => holds(requirement, labels));
}

/** An absent selector matches nothing, an empty one everything. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labelValue(labels, key) === value) &&
    matchExpressions.every(({ key, operator, values = [] }) => holds({ key, operator, values }, labels))
  );
}

function holds({ key, operator, values }: Requirement, labels: Labels): boolean {
  const value = labelValue(labels, key);
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    case 'DoesNotExist':
      return value === undefined;
    case 'Gt':
    case 'Lt': {
      if (value === undefined || !INTEGER.test(value)) return false;
      const [given, bound] = [BigInt(value), BigInt(values[0] ?? '0')];
      return operator === 'Gt' ? given > bound : given < bound;
    }
    default:
      return false;
  }
}

/** A label may be named like what every object inherits. */
export function labelValue(labels: Labels, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}
