import type { Pod } from '#api/kinds/pod.ts';
import { badRequestError } from '#api/status.ts';

type Named = { readonly name: string };

/** The container whose log is meant, as upstream's pod registry chooses and words it. Throws BadRequest. */
export function chooseContainer({ metadata, spec }: Pod, asked: string): string {
  const pod = metadata.name ?? '';
  const containers = names(spec?.containers);
  const init = names(spec?.initContainers);
  const ephemeral = names(spec?.ephemeralContainers);
  if (asked !== '') {
    if ([...containers, ...init, ...ephemeral].includes(asked)) return asked;
    throw badRequestError(`container ${asked} is not valid for pod ${pod}`);
  }
  const [only, ...others] = containers;
  if (only === undefined) throw badRequestError(`a container name must be specified for pod ${pod}`);
  if (others.length === 0) return only;
  throw badRequestError(
    [
      `a container name must be specified for pod ${pod}, choose one of: [${containers.join(' ')}]`,
      ...(init.length === 0 ? [] : [`or one of the init containers: [${init.join(' ')}]`]),
      ...(ephemeral.length === 0 ? [] : [`or one of the ephemeral containers: [${ephemeral.join(' ')}]`]),
    ].join(' '),
  );
}

/** Why the node has no log to give, in the kubelet's words; it goes by what the node has reported. */
export function noLogReason({ metadata, status }: Pod, container: string, previous: boolean): string {
  const what = `container ${JSON.stringify(container)} in pod ${JSON.stringify(metadata.name ?? '')}`;
  if (previous) return `previous terminated ${what} not found`;
  const all = [
    ...(status?.containerStatuses ?? []),
    ...(status?.initContainerStatuses ?? []),
    ...(status?.ephemeralContainerStatuses ?? []),
  ];
  const state = all.find(({ name }) => name === container)?.state;
  if (state?.terminated !== undefined) return `${what} is terminated`;
  switch (state?.waiting?.reason) {
    case 'ErrImagePull':
      return `${what} is waiting to start: image can't be pulled`;
    case 'ImagePullBackOff':
      return `${what} is waiting to start: trying and failing to pull image`;
    case undefined:
      return `${what} is waiting to start: ContainerCreating`;
    default:
      return `${what} is waiting to start: ${state?.waiting?.reason ?? ''}`;
  }
}

function names(containers: readonly Named[] | undefined): readonly string[] {
  return (containers ?? []).map(({ name }) => name);
}
