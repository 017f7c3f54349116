import { JOIN_NAMESPACE, JOIN_TOKEN_TYPE, joinTokenState } from '#api/join-token.ts';
import { invalid } from '#api/field-error.ts';
import type { Secret } from '#api/kinds/secret.ts';
import { apiError, invalidError } from '#api/status.ts';
import type { Admission } from '#rest/admission.ts';
import { JOIN_NAME } from '../auth/authorize.ts';
import { OWN_NODE_LABEL } from '../own-node.ts';
import { ofKind } from './of-kind.ts';

/**
 * A join token that takes a node's place is for a node that is there: a name that is wrong would be found out only at the board. Never for the
 * server's own, which the server itself lets in again. What becomes of the node until the token is used is the join's to see.
 */
export const joinTokens: Admission = ofKind<Secret>('JoinTokens', 'secrets', {
  validate: async (secret, { attempt, state, old }) => {
    const { namespace, user } = attempt;
    if (secret.type !== JOIN_TOKEN_TYPE || namespace !== JOIN_NAMESPACE || user.name === JOIN_NAME) return;
    const { replaces } = joinTokenState(secret);
    if (replaces === undefined || (old !== undefined && joinTokenState(old).replaces === replaces)) return;
    const node = await state.get({ resource: 'nodes', namespace: '', name: replaces });
    if (node === undefined)
      throw apiError(
        'NotFound',
        `nodes "${replaces}" not found: there is no node whose place a machine could take; see \`kubectl get nodes\`, or, for a new node of this name, make a token without --replace`,
        { name: replaces, kind: 'nodes' },
      );
    if (node.metadata.labels?.[OWN_NODE_LABEL] !== undefined)
      throw invalidError({ group: '', name: 'Secret' }, secret.metadata.name ?? '', [
        invalid(
          'data[replaces]',
          replaces,
          "it is the server's own node: no other machine takes its place, and where it has lost its data the server lets it in again at its start",
        ),
      ]);
  },
});
