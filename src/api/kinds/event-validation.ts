/** What an Event must say (pkg/apis/core/validation/events.go, for the core/v1 form). */
import type { FieldError } from '../field-error.ts';
import { invalid } from '../field-error.ts';
import type { CoreEvent } from '../generated/types.ts';

/** An event stands beside what it is about; one about a cluster-scoped object in `default` (or kube-system). */
export function validateEvent(event: CoreEvent): readonly FieldError[] {
  const { namespace = '' } = event.metadata;
  const involved = event.involvedObject?.namespace ?? '';
  if (involved === '') {
    return namespace === 'default' || namespace === 'kube-system'
      ? []
      : [invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
  }
  return involved === namespace ? [] : [invalid('involvedObject.namespace', involved, 'does not match event.namespace')];
}
