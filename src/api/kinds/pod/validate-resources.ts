/** Requests and limits: names of resources, amounts, and how the two relate. Also what a node says it has. */
import { forbidden, invalid, notFound, required, type FieldError } from '../../field-error.ts';
import type { ResourceRequirements } from '../../generated/types.ts';
import { NOT_NEGATIVE, qualifiedNameProblems } from '../../names.ts';
import { compareQuantities, formatQuantity, isWholeQuantity, parseQuantity, quantityProblem } from '../../quantity.ts';
import { at, keyed } from '../blank.ts';
import { invalidFor, NO_ERRORS } from '../check.ts';

const CONTAINER_RESOURCES = ['cpu', 'memory', 'ephemeral-storage'];
const STANDARD_RESOURCES = [
  ...CONTAINER_RESOURCES,
  'storage',
  'pods',
  'services',
  'replicationcontrollers',
  'resourcequotas',
  'secrets',
  'configmaps',
  'persistentvolumeclaims',
];
const COUNTED_RESOURCES = STANDARD_RESOURCES.slice(CONTAINER_RESOURCES.length + 1);

export function validateResources(
  resources: ResourceRequirements | undefined,
  claimNames: ReadonlySet<string>,
  path: string,
): readonly FieldError[] {
  const { limits = {}, requests = {}, claims = [] } = resources ?? {};
  const names = [...Object.keys(limits), ...Object.keys(requests)];
  const hugeAlone = names.some(isHugePage) && !names.includes('cpu') && !names.includes('memory');
  return [
    ...Object.entries(limits).flatMap(([name, text]) => validateEntry(name, text, keyed(`${path}.limits`, name))),
    ...Object.entries(requests).flatMap(([name, text]) => [
      ...validateEntry(name, text, keyed(`${path}.requests`, name)),
      ...validateAgainstLimit(name, text, limits[name], path),
    ]),
    ...(hugeAlone ? [forbidden(path, 'HugePages require cpu or memory')] : []),
    ...claims.flatMap(({ name = '' }: { readonly name?: string }, index) => {
      const where = at(`${path}.claims`, index);
      if (name === '') return [required(where)];
      return claimNames.has(name) ? NO_ERRORS : [notFound(where, name)];
    }),
  ];
}

/** One amount: readable, not negative, whole where the resource is counted. */
export function validateAmount(name: string, text: string, path: string): readonly FieldError[] {
  const problem = quantityProblem(text);
  if (problem !== undefined) return [invalid(path, text, problem)];
  const quantity = parseQuantity(text);
  const whole = COUNTED_RESOURCES.includes(name) || isExtended(name);
  return [
    ...(quantity.nanos < 0n ? [invalid(path, formatQuantity(quantity), NOT_NEGATIVE)] : []),
    ...(whole && !isWholeQuantity(quantity) ? [invalid(path, formatQuantity(quantity), 'must be an integer')] : []),
  ];
}

function validateEntry(name: string, text: string, path: string): readonly FieldError[] {
  return [...validateName(name, path), ...validateAmount(name, text, path), ...validateHugePages(name, text, path)];
}

function validateName(name: string, path: string): readonly FieldError[] {
  const problems = qualifiedNameProblems(name);
  const form = invalidFor(path, name, problems);
  if (!name.includes('/')) {
    const standard = STANDARD_RESOURCES.includes(name) || isHugePage(name);
    return [
      ...form,
      ...(problems.length === 0 && !standard ? [invalid(path, name, 'must be a standard resource type or fully qualified')] : []),
      ...(CONTAINER_RESOURCES.includes(name) || isHugePage(name)
        ? []
        : [invalid(path, name, 'must be a standard resource for containers')]),
    ];
  }
  return isNative(name) || isExtended(name)
    ? form
    : [...form, invalid(path, name, "doesn't follow extended resource name standard")];
}

function validateAgainstLimit(name: string, request: string, limit: string | undefined, path: string): readonly FieldError[] {
  const overcommits = isNative(name) && !isHugePage(name);
  if (limit === undefined) {
    return overcommits ? NO_ERRORS : [required(`${path}.limits`, 'Limit must be set for non overcommitable resources')];
  }
  if (quantityProblem(request) !== undefined || quantityProblem(limit) !== undefined) return NO_ERRORS;
  const [asked, most] = [parseQuantity(request), parseQuantity(limit)];
  const order = compareQuantities(asked, most);
  const where = `${path}.requests`;
  const shown = formatQuantity(asked);
  if (order !== 0 && !overcommits) return [invalid(where, shown, `must be equal to ${name} limit of ${formatQuantity(most)}`)];
  if (order > 0) return [invalid(where, shown, `must be less than or equal to ${name} limit of ${formatQuantity(most)}`)];
  return NO_ERRORS;
}

function validateHugePages(name: string, text: string, path: string): readonly FieldError[] {
  if (!isHugePage(name) || quantityProblem(text) !== undefined) return NO_ERRORS;
  const size = name.slice('hugepages-'.length);
  const page = quantityProblem(size) === undefined ? parseQuantity(size).nanos : 0n;
  const amount = parseQuantity(text);
  if (page > 0n && amount.nanos % page === 0n) return NO_ERRORS;
  const shown = formatQuantity(amount);
  return [invalid(path, shown, `${shown} is not positive integer multiple of ${name}`)];
}

const isHugePage = (name: string): boolean => name.startsWith('hugepages-');

/** Kubernetes' own: without a prefix, or with one under kubernetes.io. */
const isNative = (name: string): boolean => !name.includes('/') || name.includes('kubernetes.io/');

const isExtended = (name: string): boolean =>
  !isNative(name) && !name.startsWith('requests.') && qualifiedNameProblems(`requests.${name}`).length === 0;
