import { forbidden, invalid, notSupported, type FieldError } from '#api/field-error.ts';
import { badRequestError, invalidError } from '#api/status.ts';
import { isTrue } from '../route.ts';

/**
 * The query of a list or watch, parsed. The rules and their words are those of apimachinery/pkg/apis/meta/internalversion/validation and,
 * for revisions, of apiserver/pkg/storage.
 */
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

/** Throws 422 and 400. */
export function listOptions(query: URLSearchParams, watch: boolean): ListOptions {
  const resourceVersion = query.get('resourceVersion') ?? '';
  const resourceVersionMatch = query.get('resourceVersionMatch') ?? '';
  const continueToken = query.get('continue') ?? '';
  const sendInitialEvents = query.has('sendInitialEvents') ? isTrue(query.get('sendInitialEvents')) : undefined;
  const limit = integer(query, 'limit') ?? 0;
  const timeoutSeconds = integer(query, 'timeoutSeconds') ?? 0;
  const given = { resourceVersion, resourceVersionMatch, continueToken, sendInitialEvents };
  const errors = watch ? watchErrors(given) : listErrors(given);
  if (errors.length > 0) throw invalidError({ group: 'meta.k8s.io', name: 'ListOptions' }, '', errors);
  checkRevision(resourceVersion);
  return {
    ...given,
    labelSelector: query.get('labelSelector') ?? '',
    fieldSelector: query.get('fieldSelector') ?? '',
    limit,
    // Sound: everything else has been refused.
    resourceVersionMatch: resourceVersionMatch as ListOptions['resourceVersionMatch'],
    allowWatchBookmarks: isTrue(query.get('allowWatchBookmarks')),
    timeoutSeconds: timeoutSeconds === 0 ? undefined : timeoutSeconds,
  };
}

type Given = {
  readonly resourceVersion: string;
  readonly resourceVersionMatch: string;
  readonly continueToken: string;
  readonly sendInitialEvents: boolean | undefined;
};

const MATCH = 'resourceVersionMatch';
const NOT_OLDER = 'NotOlderThan';
const WITH_CONTINUE = forbidden(MATCH, 'resourceVersionMatch is forbidden when continue is provided');

function listErrors({
  resourceVersion,
  resourceVersionMatch: match,
  continueToken,
  sendInitialEvents,
}: Given): readonly FieldError[] {
  const ofMatch = [
    ...(resourceVersion === '' ? [forbidden(MATCH, 'resourceVersionMatch is forbidden unless resourceVersion is provided')] : []),
    ...(continueToken === '' ? [] : [WITH_CONTINUE]),
    ...(match === 'Exact' || match === NOT_OLDER ? [] : [notSupported(MATCH, match, ['Exact', NOT_OLDER, ''])]),
    ...(match === 'Exact' && resourceVersion === '0'
      ? [forbidden(MATCH, 'resourceVersionMatch "exact" is forbidden for resourceVersion "0"')]
      : []),
  ];
  return [
    ...(match === '' ? [] : ofMatch),
    ...(sendInitialEvents === undefined ? [] : [forbidden('sendInitialEvents', 'sendInitialEvents is forbidden for list')]),
  ];
}

function watchErrors({ resourceVersionMatch: match, continueToken, sendInitialEvents }: Given): readonly FieldError[] {
  const ofMatch = [
    ...(sendInitialEvents === undefined
      ? [forbidden(MATCH, 'resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided')]
      : []),
    ...(match === NOT_OLDER ? [] : [notSupported(MATCH, match, [NOT_OLDER])]),
    ...(continueToken === '' ? [] : [WITH_CONTINUE]),
  ];
  return [
    ...(sendInitialEvents === undefined || match === NOT_OLDER
      ? []
      : [forbidden(MATCH, `sendInitialEvents requires setting resourceVersionMatch to ${NOT_OLDER}`)]),
    ...(match === '' ? [] : ofMatch),
  ];
}

const REVISION_END = 2n ** 64n;

/** As Go's strconv.ParseUint would say. */
function checkRevision(text: string): void {
  if (text === '') return;
  const isNumber = /^\d+$/.test(text);
  if (isNumber && BigInt(text) < REVISION_END) return;
  const why = isNumber ? 'value out of range' : 'invalid syntax';
  const { field, message } = invalid('resourceVersion', text, `strconv.ParseUint: parsing ${JSON.stringify(text)}: ${why}`);
  throw badRequestError(`invalid resource version: ${field}: ${message}`);
}

function integer(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null || text === '') return undefined;
  if (!/^[+-]?\d{1,15}$/.test(text))
    throw badRequestError(`${name}: strconv.ParseInt: parsing ${JSON.stringify(text)}: invalid syntax`);
  return Math.max(0, Number(text));
}
