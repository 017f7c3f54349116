import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { builtinResources } from '../../src/api/kinds/builtin.ts';
import { createRegistry } from '../../src/api/registry.ts';
import { loadBuiltinSchema } from '../../src/api/schema/builtin.ts';
import { systemClock } from '../../src/lib/clock.ts';
import { systemIds } from '../../src/lib/ids.ts';
import { silentLog } from '../../src/lib/log.ts';
import { createApi, type Api } from '../../src/rest/api.ts';
import type { Author } from '../../src/rest/change.ts';
import { serveHttp } from '../../src/rest/http.ts';
import type { ApiOptions } from '../../src/rest/options.ts';
import { ANONYMOUS } from '../../src/rest/request.ts';
import { builtinAdmissions } from '../../src/server/admission/builtin.ts';
import { createAuthorizer } from '../../src/server/auth/authorizer.ts';
import { bootstrapChanges } from '../../src/server/auth/rbac/bootstrap.ts';
import { reviews } from '../../src/server/auth/reviews.ts';
import { tokenIssuer, tokenKeyOf } from '../../src/server/auth/service-account-token.ts';
import { createTokenAuthenticator } from '../../src/server/auth/token-authenticator.ts';
import { tokenRequests } from '../../src/server/auth/token-request.ts';
import type { Store, StoreOptions } from '../../src/server/store/store.ts';
import { openTestStore } from './store.ts';

/** The pipeline as the server composes it, over a real store, and a door to it by plain HTTP on loopback; no loops. */
export type ApiWorld = {
  readonly store: Store;
  readonly api: Api;
  readonly url: string;
  /** As ADMIN; objects are sent as JSON, texts as they are. */
  readonly call: (method: string, path: string, body?: unknown, headers?: Record<string, string>) => Promise<Reply>;
  readonly stop: () => Promise<void>;
};

export type Reply = {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  /** The body parsed. Throws where it is no JSON. */
  readonly json: () => unknown;
};

export const ADMIN: Author = {
  user: { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'] },
  fieldManager: 'test',
};

/** Requests with this header come from nobody known. */
export const AS_ANONYMOUS = { 'x-test-anonymous': 'yes' };

/** The pipeline alone; each option may be replaced. */
export function createTestApi(store: Store, options: Partial<ApiOptions> = {}): Api {
  const registry = createRegistry(builtinResources);
  const ids = options.ids ?? systemIds;
  const authorizer = createAuthorizer(store.view);
  const { privateKey } = generateKeyPairSync('ed25519');
  const clock = options.clock ?? systemClock;
  const signing = { key: tokenKeyOf(privateKey), issuer: tokenIssuer('cluster.local'), view: store.view, clock };
  return createApi({
    registry: () => registry,
    schema: loadBuiltinSchema(),
    storage: store.storage,
    admissions: builtinAdmissions({ authorizer, ids }),
    authorize: async (user, target) => authorizer.decide(user, target),
    connectors: {},
    computed: {
      ...reviews(authorizer, createTokenAuthenticator(signing)),
      ...tokenRequests({ ...signing, ids }),
    },
    paths: {},
    clock,
    ids,
    log: silentLog,
    release: 'test',
    readiness: () => ({}),
    encoded: store.encoded,
    ...options,
  });
}

export async function startApiWorld(
  options: Partial<ApiOptions> = {},
  storeOptions: Partial<StoreOptions> = {},
): Promise<ApiWorld> {
  const store = await openTestStore(storeOptions);
  const api = createTestApi(store, options);
  const never = new AbortController().signal;
  for (const name of ['default', 'kube-system'])
    await api.change({ verb: 'create', resource: 'namespaces', object: namespace(name) }, ADMIN, never);
  for (const change of bootstrapChanges(store.view())) await api.change(change, ADMIN, never);
  const http = createServer((request, response) => {
    const user = 'x-test-anonymous' in request.headers ? ANONYMOUS : ADMIN.user;
    void serveHttp(request, response, () => user, api.handle);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  // Sound: a TCP server that listens has an address with a port.
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}`;
  return {
    store,
    api,
    url,
    call: async (method, path, body, headers = {}) => {
      const sent = body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) };
      const type = body === undefined ? {} : { 'content-type': 'application/json' };
      const answer = await fetch(`${url}${path}`, { method, ...sent, headers: { ...type, ...headers } });
      const text = await answer.text();
      return { status: answer.status, headers: answer.headers, text, json: () => JSON.parse(text) as unknown };
    },
    stop: async () => {
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
      await store.close();
    },
  };
}

function namespace(name: string) {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}
