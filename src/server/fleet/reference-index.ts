/** Which nodes' pods name which configmaps and secrets: both ways, so that a change of one finds the nodes and a node's new set replaces its old. */
export class ReferenceIndex {
  private readonly byNode = new Map<string, ReadonlySet<string>>();
  private readonly byReference = new Map<string, Set<string>>();

  set(node: string, references: ReadonlySet<string>): void {
    const before = this.byNode.get(node) ?? new Set<string>();
    for (const reference of before) if (!references.has(reference)) this.remove(node, reference);
    for (const reference of references) {
      const nodes = this.byReference.get(reference) ?? new Set<string>();
      nodes.add(node);
      this.byReference.set(reference, nodes);
    }
    if (references.size === 0) this.byNode.delete(node);
    else this.byNode.set(node, references);
  }

  nodes(reference: string): Iterable<string> {
    return this.byReference.get(reference) ?? [];
  }

  private remove(node: string, reference: string): void {
    const nodes = this.byReference.get(reference);
    nodes?.delete(node);
    if (nodes?.size === 0) this.byReference.delete(reference);
  }
}
