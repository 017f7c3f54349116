/** Whether a node is one that a pod may or would rather run on (k8s.io/component-helpers/scheduling/corev1/nodeaffinity). */
import { labelValue, matchesRequirement } from '../../selectors/label-selector.ts';
import type { NodeSelector, NodeSelectorTerm, PodSpec } from '../../generated/types.ts';

export type SelectableNode = { readonly name: string; readonly labels: Readonly<Record<string, string>> };

/** nodeSelector and required node affinity both. */
export function matchesRequiredAffinity(spec: PodSpec, node: SelectableNode): boolean {
  const wanted = Object.entries(spec.nodeSelector ?? {});
  if (!wanted.every(([key, value]) => labelValue(node.labels, key) === value)) return false;
  const required = spec.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return required === undefined || matchesNodeSelector(required, node);
}

/** The weights of the preferred terms that match, summed. */
export function preferredAffinityWeight(spec: PodSpec, node: SelectableNode): number {
  const terms = spec.affinity?.nodeAffinity?.preferredDuringSchedulingIgnoredDuringExecution ?? [];
  // A term that is left out is empty: in Go there is no other way.
  const matches = ({ preference = {} }: { readonly preference?: NodeSelectorTerm }) => matchesNodeSelectorTerm(preference, node);
  return terms.reduce((total, term) => total + (matches(term) ? term.weight : 0), 0);
}

/** Any of the terms. */
export function matchesNodeSelector(selector: NodeSelector, node: SelectableNode): boolean {
  return (selector.nodeSelectorTerms ?? []).some((term) => matchesNodeSelectorTerm(term, node));
}

/** All requirements of the term; an empty term matches no node. */
export function matchesNodeSelectorTerm(term: NodeSelectorTerm, node: SelectableNode): boolean {
  return !isEmptyTerm(term) && matchesEveryRequirement(term, node);
}

function isEmptyTerm({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm): boolean {
  return matchExpressions.length === 0 && matchFields.length === 0;
}

function matchesEveryRequirement({ matchExpressions = [], matchFields = [] }: NodeSelectorTerm, node: SelectableNode): boolean {
  return (
    matchExpressions.every((requirement) => matchesRequirement(requirement, node.labels)) &&
    matchFields.every((requirement) => matchesRequirement(requirement, { 'metadata.name': node.name }))
  );
}
