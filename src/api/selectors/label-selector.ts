import type { LabelSelector, LabelSelectorRequirement } from '../generated/types.ts';
import type { KubeObject } from '../object.ts';
import { badRequestError } from '../status.ts';
import { parseInt64, parseRequirements } from './label-requirements.ts';

/** What label selectors select: as text in a query, and as the LabelSelector of a spec (apimachinery/pkg/labels). */
export type Matcher = (object: KubeObject) => boolean;

type Labels = Readonly<Record<string, string>>;

/** Characters of a selector in a query, of labels or of fields. */
export const SELECTOR_LENGTH_MAX = 16 * 1024;

/** `a=b,c!=d,e in (f,g),!h`. Throws 400 in upstream's words. */
export function parseLabelSelector(text: string): Matcher {
  if (text.length > SELECTOR_LENGTH_MAX)
    throw badRequestError(`the label selector is longer than ${SELECTOR_LENGTH_MAX} characters`);
  const requirements = parseRequirements(text);
  return ({ metadata: { labels = {} } }) => requirements.every((requirement) => matchesRequirement(requirement, labels));
}

/** An absent selector matches nothing, an empty one everything. */
export function matchesLabelSelector(selector: LabelSelector | undefined, labels: Labels = {}): boolean {
  if (selector === undefined) return false;
  const { matchLabels = {}, matchExpressions = [] } = selector;
  return (
    Object.entries(matchLabels).every(([key, value]) => labelValue(labels, key) === value) &&
    matchExpressions.every((requirement) => matchesRequirement(requirement, labels))
  );
}

/** One requirement of any selector, of labels or of nodes. An unknown operator matches nothing. */
export function matchesRequirement({ key, operator, values = [] }: LabelSelectorRequirement, labels: Labels): boolean {
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
      const [given, bound] = [parseInt64(value ?? ''), parseInt64(values[0] ?? '')];
      if (given === undefined || bound === undefined) return false;
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
