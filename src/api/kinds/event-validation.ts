/** What an Event must say (pkg/apis/core/validation/events.go, the core/v1 form). */
import { invalid, required, type FieldError } from '../field-error.ts';
import type { CoreEvent } from '../generated/types.ts';
import { qualifiedNameProblems } from '../names.ts';
import { byteLength } from '../text.ts';
import { invalidFor, NO_ERRORS } from './check.ts';

const WORD_BYTES_MAX = 128;
const MESSAGE_BYTES_MAX = 1024;

/** An event with an eventTime is of the new form and must say who reports what; older ones need only stand beside their object. */
export function validateEvent(event: CoreEvent): readonly FieldError[] {
  return event.eventTime == null ? validatePlace(event) : [...validatePlaceOfNew(event), ...validateReport(event)];
}

const ELSEWHERE = ['', 'default', 'kube-system'];

function validatePlace({ metadata, involvedObject }: CoreEvent): readonly FieldError[] {
  const { namespace = '' } = metadata;
  const involved = involvedObject.namespace ?? '';
  const fits = involved === '' ? ELSEWHERE.includes(namespace) : involved === namespace;
  return fits ? NO_ERRORS : [invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
}

function validatePlaceOfNew({ metadata, involvedObject }: CoreEvent): readonly FieldError[] {
  const { namespace = '' } = metadata;
  const involved = involvedObject.namespace ?? '';
  return involved === '' && !['default', 'kube-system'].includes(namespace)
    ? [invalid('involvedObject.namespace', involved, 'does not match event.namespace')]
    : NO_ERRORS;
}

function validateReport({
  reportingComponent = '',
  reportingInstance,
  action,
  reason,
  message = '',
}: CoreEvent): readonly FieldError[] {
  return [
    ...(reportingComponent === '' ? [required('reportingComponent')] : []),
    ...invalidFor('reportingComponent', reportingComponent, qualifiedNameProblems(reportingComponent)),
    ...word('reportingInstance', reportingInstance),
    ...word('action', action),
    ...word('reason', reason),
    ...(byteLength(message) > MESSAGE_BYTES_MAX
      ? [invalid('message', '', `can have at most ${MESSAGE_BYTES_MAX} characters`)]
      : []),
  ];
}

function word(path: string, text = ''): readonly FieldError[] {
  if (text === '') return [required(path)];
  return byteLength(text) > WORD_BYTES_MAX ? [invalid(path, '', `can have at most ${WORD_BYTES_MAX} characters`)] : NO_ERRORS;
}
