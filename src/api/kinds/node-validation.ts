/** Nodes: taints, amounts, and what is given to a node once and for all (pkg/apis/core/validation ValidateNode). */
import { duplicate, forbidden, invalid, type FieldError } from '../field-error.ts';
import type { Node, Taint } from '../generated/types.ts';
import { cidrProblems, parseCidr } from '../ip.ts';
import { labelValueProblems, qualifiedNameProblems } from '../names.ts';
import { at } from './blank.ts';
import { asGiven, duplicatesOf, invalidFor, NO_ERRORS, oneOf } from './check.ts';
import { TAINT_EFFECTS } from './pod/validate-placement.ts';
import { validateAmount } from './pod/validate-resources.ts';

export function validateNode(node: Node): readonly FieldError[] {
  return [
    ...validateTaints(node.spec?.taints ?? [], 'metadata.taints'),
    ...validateAmounts(node.status?.capacity, 'status.capacity'),
    ...validateAmounts(node.status?.allocatable, 'status.allocatable'),
    ...validatePodCidrs(node.spec?.podCIDRs ?? [], 'spec.podCIDRs'),
  ];
}

export function validateNodeUpdate(next: Node, old: Node): readonly FieldError[] {
  const addresses = next.status?.addresses ?? [];
  const [cidrs, before] = [next.spec?.podCIDRs ?? [], old.spec?.podCIDRs ?? []];
  const moved = before.length > 0 && (cidrs.length !== before.length || before.some((cidr, index) => cidr !== cidrs[index]));
  const provider = old.spec?.providerID ?? '';
  return [
    ...addresses.flatMap((address, index) =>
      addresses.slice(0, index).some(({ type, address: text }) => type === address.type && text === address.address)
        ? [duplicate(at('status.addresses', index), address)]
        : NO_ERRORS,
    ),
    ...(moved ? [forbidden('spec.podCIDRs', 'node updates may not change podCIDR except from "" to valid')] : []),
    ...(provider !== '' && next.spec?.providerID !== provider
      ? [forbidden('spec.providerID', 'node updates may not change providerID except from "" to valid')]
      : []),
  ];
}

function validateTaints(taints: readonly Taint[], path: string): readonly FieldError[] {
  const seen = new Set<string>();
  return taints.flatMap((taint, index) => {
    const where = at(path, index);
    const { key = '', value = '', effect = '' } = asGiven(taint);
    const problems = labelValueProblems(value);
    const twice = seen.has(`${effect}/${key}`);
    seen.add(`${effect}/${key}`);
    const found = duplicate(where, taint);
    return [
      ...invalidFor(`${where}.key`, key, qualifiedNameProblems(key)),
      ...(problems.length === 0 ? [] : [invalid(`${where}.value`, value, problems.join(';'))]),
      ...oneOf(`${where}.effect`, effect, TAINT_EFFECTS),
      ...(twice ? [{ ...found, message: `${found.message}: taints must be unique by key and effect pair` }] : []),
    ];
  });
}

function validateAmounts(amounts: Readonly<Record<string, string>> | undefined, path: string): readonly FieldError[] {
  return Object.entries(amounts ?? {}).flatMap(([name, text]) => validateAmount(name, text, `${path}.${name}`));
}

function validatePodCidrs(cidrs: readonly string[], path: string): readonly FieldError[] {
  const families = cidrs.map((cidr) => parseCidr(cidr)?.address.family);
  return [
    ...cidrs.flatMap((cidr, index) => invalidFor(at(path, index), cidr, cidrProblems(cidr))),
    ...(cidrs.length > 1 && (cidrs.length > 2 || families[0] === families[1])
      ? [invalid(path, cidrs, 'may specify no more than one CIDR for each IP family')]
      : []),
    ...duplicatesOf(
      cidrs,
      (cidr) => cidr,
      (index) => at(path, index),
    ),
  ];
}
