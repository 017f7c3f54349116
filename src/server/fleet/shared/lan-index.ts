/** Which nodes name the same LAN: both ways, so that a change of one node finds those it concerns without a look at the others. */
export class LanIndex {
  private readonly byNode = new Map<string, readonly string[]>();
  private readonly byLan = new Map<string, Set<string>>();

  /** True if that is new. */
  set(node: string, lans: readonly string[]): boolean {
    const before = this.lansOf(node);
    if (before.join() === lans.join()) return false;
    for (const lan of before) {
      const nodes = this.byLan.get(lan);
      nodes?.delete(node);
      if (nodes?.size === 0) this.byLan.delete(lan);
    }
    for (const lan of lans) {
      const nodes = this.byLan.get(lan) ?? new Set<string>();
      nodes.add(node);
      this.byLan.set(lan, nodes);
    }
    if (lans.length === 0) this.byNode.delete(node);
    else this.byNode.set(node, lans);
    return true;
  }

  /** Sorted. */
  lansOf(node: string): readonly string[] {
    return this.byNode.get(node) ?? [];
  }

  /** Nodes in one of its LANs, but not itself. */
  neighboursOf(node: string): ReadonlySet<string> {
    const found = new Set(this.lansOf(node).flatMap((lan) => [...(this.byLan.get(lan) ?? [])]));
    found.delete(node);
    return found;
  }

  clear(): void {
    this.byNode.clear();
    this.byLan.clear();
  }
}
