/** What -l and --field-selector come to in a list's query. An empty one selects nothing out, so it is as none: whoever deletes with it named nothing. */
export function selectorQuery({
  selector = '',
  fieldSelector = '',
}: {
  readonly selector?: string;
  readonly fieldSelector?: string;
}): Readonly<Record<string, string>> {
  return {
    ...(selector.trim() === '' ? {} : { labelSelector: selector.trim() }),
    ...(fieldSelector.trim() === '' ? {} : { fieldSelector: fieldSelector.trim() }),
  };
}
