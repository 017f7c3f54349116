import type { Verb } from '#api/resource.ts';
import type { User } from './change.ts';

export type { Author, Change, User } from './change.ts';
export type { Verb } from '#api/resource.ts';

export const ANONYMOUS: User = { name: 'system:anonymous', groups: ['system:unauthenticated'] };

/** What is asked for: an object or list of a resource, or a path that is none (`/healthz`). As upstream's RequestInfo. */
export type RequestTarget =
  | {
      readonly type: 'resource';
      readonly verb: Verb;
      readonly group: string;
      readonly version: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    }
  | { readonly type: 'path'; readonly verb: string; readonly path: string };

/** What the authorizer is asked: may it be done? Also of verbs that no request has: impersonate, bind, escalate, and whatever a review asks about. */
export type Target =
  | RequestTarget
  | {
      readonly type: 'asked';
      readonly verb: string;
      readonly group: string;
      readonly resource: string;
      readonly subresource: string;
      readonly namespace: string;
      readonly name: string;
    };

/** One HTTP request, parsed at the edge (src/rest/http.ts) and a plain value from there on. */
export type HttpRequest = {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly body: Uint8Array;
  readonly user: User;
  /** Aborts when the client goes away or the server stops. */
  readonly signal: AbortSignal;
};

/** What goes back. A stream ends by itself or when the request's signal aborts. A takeover gets the raw socket after an upgrade. */
export type Answer =
  | {
      readonly type: 'value';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly body: Uint8Array | string;
    }
  | {
      readonly type: 'stream';
      readonly status: number;
      readonly headers: Readonly<Record<string, string>>;
      readonly chunks: AsyncIterable<Uint8Array | string>;
    };
