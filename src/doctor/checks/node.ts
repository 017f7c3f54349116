import type { NodeFacts } from '../facts/node-facts.ts';
import { ok, problem, unknown, type Verdict } from '../finding.ts';

/** Who this machine is in a fleet. */
export function judgeNode({ joined, isServer }: NodeFacts): readonly Verdict[] {
  const server = isServer ? [ok('a server of its own is kept here')] : [];
  switch (joined.type) {
    case 'joined':
      return [ok(`node "${joined.node}" of cluster ${joined.cluster}`), ...server];
    case 'no':
      return isServer ? server : [ok('this machine has joined no cluster')];
    case 'unseen':
      return [unknown('as which node it has joined can not be seen', 'Run it as root: sudo skerry doctor'), ...server];
    case 'broken':
      return [
        problem(
          'the identity of this node (agent/identity.json in the data folder) can not be read: the agent does not start',
          'Put it back from a backup, or remove it and join again with a token: skerry agent --server … --token-file …',
        ),
        ...server,
      ];
  }
}
