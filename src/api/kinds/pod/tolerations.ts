/** Which taints keep a pod from a node (k8s.io/component-helpers/scheduling/corev1). */
import type { Taint, Toleration } from '../../generated/types.ts';

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  const { effect = '', key = '', operator = '', value = '' } = toleration;
  if (effect !== '' && effect !== taint.effect) return false;
  if (key !== '' && key !== taint.key) return false;
  switch (operator) {
    case '':
    case 'Equal':
      return value === (taint.value ?? '');
    case 'Exists':
      return true;
    case 'Lt':
    case 'Gt':
      return compares(operator, value, taint.value ?? '');
    default:
      return false;
  }
}

/** The first taint of these effects that no toleration covers. */
export function untolerated(
  taints: readonly Taint[] | undefined,
  tolerations: readonly Toleration[] | undefined,
  effects: readonly string[],
): Taint | undefined {
  return taints?.find(
    (taint) => effects.includes(taint.effect) && tolerations?.some((toleration) => tolerates(toleration, taint)) !== true,
  );
}

/** Numeric tolerations: the taint's value is below (Lt) or above (Gt) the toleration's. */
function compares(operator: 'Lt' | 'Gt', tolerated: string, tainted: string): boolean {
  const integer = /^(0|-?[1-9]\d*)$/;
  if (!integer.test(tolerated) || !integer.test(tainted)) return false;
  return operator === 'Lt' ? BigInt(tainted) < BigInt(tolerated) : BigInt(tainted) > BigInt(tolerated);
}
