import { UNNAMED, apiError, badRequestError, invalidError } from '#api/status.ts';
import type { FieldError } from '#api/field-error.ts';
import { isTrue } from '../route.ts';

/** The query of a list or watch, parsed. Errors are those of a real server (test/support/k8s/status.json). */
export type ListOptions = {
  readonly labelSelector: string;
  readonly fieldSelector: string;
  readonly limit: number;
  readonly continueToken: string;
  /** '' if absent. */
  readonly resourceVersion: string;
  readonly resourceVersionMatch: '' | 'Exact' | 'NotOlderThan';
  readonly allowWatchBookmarks: boolean;
  readonly sendInitialEvents: boolean | undefined;
  readonly timeoutSeconds: number | undefined;
};

export function listOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const resourceVersion = query.get('resourceVersion') ?? '';
  const match = query.get('resourceVersionMatch') ?? '';
  const sendInitialEvents = query.get('sendInitialEvents');
  const errors = matchErrors(match, resourceVersion, watch, sendInitialEvents);
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', name: 'ListOptions' }, '', errors);
  if (!/^\d{0,19}$/.test(resourceVersion)) throw badRevision(resourceVersion);
  return {
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit: integer(query, 'limit') ?? 0,
    continueToken: query.get('continue') ?? '',
    resourceVersion,
    // Sound: matchErrors has refused everything else.
    resourceVersionMatch: match as ListOptions['resourceVersionMatch'],
    allowWatchBookmarks: query.has('allowWatchBookmarks') && isTrue(query.get('allowWatchBookmarks')),
    sendInitialEvents: sendInitialEvents === null ? undefined : isTrue(sendInitialEvents),
    timeoutSeconds: integer(query, 'timeoutSeconds'),
  };
}

function matchErrors(
  match: string,
  resourceVersion: string,
  watch: boolean,
  sendInitialEvents: string | null,
): readonly FieldError[] {
  const forbid = (field: string, detail: string): FieldError => ({
    reason: 'FieldValueForbidden',
    field,
    message: `Forbidden: ${detail}`,
  });
  if (sendInitialEvents !== null && !watch) return [forbid('sendInitialEvents', 'sendInitialEvents is forbidden for list')];
  if (sendInitialEvents !== null && match === '') {
    return [forbid('resourceVersionMatch', 'sendInitialEvents requires setting resourceVersionMatch to NotOlderThan')];
  }
  if (match === '') return [];
  if (watch && sendInitialEvents === null) {
    return [forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')];
  }
  if (!watch && resourceVersion === '') {
    return [forbid('resourceVersionMatch', 'resourceVersionMatch is forbidden unless resourceVersion is provided')];
  }
  if (match !== 'Exact' && match !== 'NotOlderThan') {
    return [
      {
        reason: 'FieldValueNotSupported',
        field: 'resourceVersionMatch',
        message: `Unsupported value: "${match}": supported values: "Exact", "NotOlderThan"`,
      },
    ];
  }
  if (match === 'Exact' && resourceVersion === '0') {
    return [forbid('resourceVersionMatch', 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')];
  }
  return [];
}

function badRevision(text: string): unknown {
  return apiError(
    UNNAMED,
    `resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`,
  );
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^-?\d{1,15}$/.test(text))
    throw badRequestError(`${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Math.max(0, Number(text));
}
