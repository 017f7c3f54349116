import { wishOf, type BoundObjectReference, type TokenRequest } from '#api/kinds/review/token-request.ts';
import type { Pod } from '#api/kinds/pod.ts';
import type { KubeObject } from '#api/object.ts';
import { parseApiVersion } from '#api/registry.ts';
import { apiError, badRequestError, conflictError, notFoundError } from '#api/status.ts';
import { assert } from '#lib/assert.ts';
import type { Clock } from '#lib/clock.ts';
import type { Ids } from '#lib/ids.ts';
import { rfc3339 } from '#lib/time.ts';
import type { ApiOptions } from '#rest/options.ts';
import type { View } from '../view.ts';
import { mintToken, type Named, type TokenClaims, type TokenKey } from './service-account-token.ts';

/** serviceaccounts/token (`kubectl create token`): a token for an account, bound to a pod, secret or node if that is asked (pkg/registry/core/serviceaccount/storage/token.go). */
export type TokenRequestOptions = {
  readonly key: TokenKey;
  readonly issuer: string;
  readonly view: () => View;
  readonly clock: Pick<Clock, 'now'>;
  readonly ids: Pick<Ids, 'uuid'>;
};

/** For ApiOptions.computed. */
export function tokenRequests({ key, issuer, view, clock, ids }: TokenRequestOptions): ApiOptions['computed'] {
  return {
    'serviceaccounts/token': async ({ object, parent }) => {
      assert(parent !== undefined, 'a token is asked of an account');
      // Sound: the pipeline has decoded it by its definition.
      const request = object as TokenRequest;
      const { namespace = '', name = '', uid = '' } = parent.metadata;
      const wish = wishOf(request);
      const audiences = wish.audiences.length === 0 ? [issuer] : wish.audiences;
      const { expirationSeconds, boundObjectRef } = wish;
      const issuedAt = Math.floor(clock.now() / 1_000);
      const expiresAt = issuedAt + expirationSeconds;
      const bound = boundObjectRef === undefined ? {} : boundTo(boundObjectRef, { namespace, name }, view());
      const account = { namespace, name, uid };
      const token = mintToken(key, { issuer, audiences, account, ...bound, issuedAt, expiresAt, id: ids.uuid() });
      return {
        ...request,
        spec: { audiences, expirationSeconds, ...(boundObjectRef === undefined ? {} : { boundObjectRef }) },
        status: { token, expirationTimestamp: rfc3339(expiresAt * 1_000) },
      };
    },
  };
}

type Account = { readonly namespace: string; readonly name: string };

function boundTo(reference: BoundObjectReference, account: Account, view: View): Pick<TokenClaims, 'pod' | 'secret' | 'node'> {
  const { apiVersion = '', kind = '' } = reference;
  const { group, version } = parseApiVersion(apiVersion);
  switch (group === '' && (version === 'v1' || version === '') ? kind : '') {
    case 'Pod': {
      // Sound: the store keeps under this resource only pods.
      const pod = found(reference, 'pods', account.namespace, view) as Pod;
      if (pod.spec?.serviceAccountName !== account.name)
        throw badRequestError(
          `cannot bind token for serviceaccount ${JSON.stringify(account.name)} to pod running with different serviceaccount name.`,
        );
      return { pod: namedIn(pod), ...nodeOf(pod, view) };
    }
    case 'Secret':
      return { secret: namedIn(found(reference, 'secrets', account.namespace, view)) };
    case 'Node':
      return { node: namedIn(found(reference, 'nodes', '', view)) };
    default:
      throw badRequestError(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
}

function found({ name = '', uid = '' }: BoundObjectReference, resource: string, namespace: string, view: View): KubeObject {
  const object = view.get(resource, namespace, name);
  if (object === undefined) throw notFoundError({ group: '', name: resource }, name);
  if (uid !== '' && uid !== object.metadata.uid)
    throw conflictError(
      { group: '', name: object.kind },
      name,
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  return object;
}

/** Where the pod runs, as far as that is there: by it others find out from which machine a request comes. */
function nodeOf(pod: Pod, view: View): { readonly node?: Named } {
  const name = pod.spec?.nodeName ?? '';
  const node = name === '' ? undefined : view.get('nodes', '', name);
  return node === undefined ? {} : { node: namedIn(node) };
}

function namedIn({ metadata }: KubeObject): Named {
  const { name = '', uid = '' } = metadata;
  if (name === '' || uid === '') throw apiError('InternalError', 'an object has no name or uid');
  return { name, uid };
}
