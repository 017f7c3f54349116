import type { PodItem, ServiceItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';

/**
 * The services that a container is told of when it is made, as variables: `DB_SERVICE_HOST` and `DB_SERVICE_PORT`, and the form of Docker's links
 * (pkg/kubelet/envvars). Those of the pod's namespace unless it wants none, and the API's always. Services that come later it finds by name.
 */
export function* serviceVariables({ metadata, spec }: PodItem, { items }: Documents): Generator<readonly [string, string]> {
  const wanted = new Map<string, ServiceItem>();
  const add = (key: string) => {
    const item = items.get(key)?.item;
    if (item?.kind === 'Service' && hasAddress(item)) wanted.set(item.metadata.name, item);
  };
  add('services/default/kubernetes');
  if (spec.enableServiceLinks !== false) {
    const prefix = `services/${metadata.namespace}/`;
    for (const key of items.keys()) if (key.startsWith(prefix)) add(key);
  }
  // Two names may make one variable (`a-b`, `a.b`): the last by name has it, on every node and at every start.
  const sorted = [...wanted].toSorted(([a], [b]) => (a < b ? -1 : 1));
  // One by one: a thousand services have seven thousand.
  for (const [, item] of sorted) yield* variablesOf(item);
}

const hasAddress = ({ spec }: ServiceItem): boolean =>
  spec.type !== 'ExternalName' && (spec.clusterIP ?? '') !== '' && spec.clusterIP !== 'None';

function variablesOf({ metadata, spec }: ServiceItem): readonly (readonly [string, string])[] {
  const name = variableName(metadata.name);
  const { clusterIP: host = '', ports = [] } = spec;
  const [first] = ports;
  const urlOf = (port: number, protocol: string) => `${protocol}://${host}:${port}`;
  const protocolOf = (protocol = 'TCP') => protocol.toLowerCase();
  return [
    [`${name}_SERVICE_HOST`, host],
    ...(first === undefined
      ? []
      : ([
          [`${name}_SERVICE_PORT`, String(first.port)],
          [`${name}_PORT`, urlOf(first.port, protocolOf(first.protocol))],
        ] as const)),
    ...ports.flatMap(({ name: portName = '', port, protocol }): readonly (readonly [string, string])[] => {
      const link = `${name}_PORT_${port}_${protocolOf(protocol).toUpperCase()}`;
      return [
        ...(portName === '' ? [] : [[`${name}_SERVICE_PORT_${variableName(portName)}`, String(port)] as const]),
        [link, urlOf(port, protocolOf(protocol))],
        [`${link}_PROTO`, protocolOf(protocol)],
        [`${link}_PORT`, String(port)],
        [`${link}_ADDR`, host],
      ];
    }),
  ];
}

function variableName(name: string): string {
  return name.replaceAll(/[-.]/g, '_').toUpperCase();
}
