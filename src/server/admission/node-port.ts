import { invalid, type FieldError } from '#api/field-error.ts';
import { isBlank } from '#api/kinds/blank.ts';
import { hasNodePorts, type Service, type ServicePort } from '#api/kinds/service.ts';
import { hasHealthCheckPort } from '#api/kinds/service/traits.ts';
import { apiError, invalidError } from '#api/status.ts';
import type { Admission, AdmissionState } from '#rest/admission.ts';
import { ofKind, type Context } from './of-kind.ts';
import { isTaken, pickFree, reservedShare, type Pool } from './pool.ts';

/**
 * Gives a Service the ports on each node that its type asks for, or says why it can not have the one it names
 * (pkg/registry/core/service/storage/alloc.go). A number belongs to one Service, which may use it once per protocol. The server's own port is nobody's,
 * should it lie in the range: nodes would be cut off from it.
 */
export function nodePortAllocator(random: () => number, serverPort: () => number | undefined): Admission {
  return ofKind<Service>('ServiceNodePort', 'services', {
    mutate: (service, context) => withPorts(service, context, random, serverPort()),
    validate: (service, context) => checkPorts(service, context, serverPort()),
  });
}

export const NODE_PORT_MIN = 30_000;
export const NODE_PORT_MAX = 32_767;
const SIZE = NODE_PORT_MAX - NODE_PORT_MIN + 1;
const STATIC_SHARE = 32;
const STATIC_MIN = 16;
const STATIC_MAX = 128;

const POOL: Pool = {
  size: SIZE,
  reserved: reservedShare(SIZE, STATIC_SHARE, STATIC_MIN, STATIC_MAX),
  claimsOf: (member) => ['TCP', 'UDP', 'SCTP'].map((protocol) => `node-port/${NODE_PORT_MIN + member}/${protocol}`),
};

async function withPorts(service: Service, { state }: Context<Service>, random: () => number, serverPort = 0): Promise<Service> {
  const { spec } = service;
  if (spec === undefined) return service;
  const used = new Set([...numbersOf(service), serverPort]);
  const next = async () => {
    const member = await pickFree(POOL, state, random, new Set([...used].map((number) => number - NODE_PORT_MIN)));
    if (member === undefined) throw internal('failed to allocate a nodePort: range is full');
    used.add(NODE_PORT_MIN + member);
    return NODE_PORT_MIN + member;
  };
  const ports = hasNodePorts(service) && spec.ports !== undefined ? await filled(spec.ports, next) : spec.ports;
  const needsCheck = hasHealthCheckPort(service) && isBlank(spec.healthCheckNodePort);
  return {
    ...service,
    spec: {
      ...spec,
      ...(ports === undefined ? {} : { ports }),
      ...(needsCheck ? { healthCheckNodePort: await next() } : {}),
    },
  };
}

/** A port offered over two protocols, like DNS's, has one number on the nodes. */
async function filled(ports: readonly ServicePort[], next: () => Promise<number>): Promise<readonly ServicePort[]> {
  const byPort = new Map<number, number>();
  for (const { port, nodePort } of ports) if (!isBlank(nodePort) && !byPort.has(port)) byPort.set(port, nodePort);
  const result: ServicePort[] = [];
  for (const port of ports) {
    const number = isBlank(port.nodePort) ? (byPort.get(port.port) ?? (await next())) : port.nodePort;
    if (!byPort.has(port.port)) byPort.set(port.port, number);
    result.push({ ...port, nodePort: number });
  }
  return result;
}

async function checkPorts(service: Service, { state, old }: Context<Service>, serverPort: number | undefined): Promise<void> {
  const type = service.spec?.type;
  if (type !== 'NodePort' && type !== 'LoadBalancer') return;
  const had = new Set(old === undefined ? [] : numbersOf(old));
  const errors: FieldError[] = [];
  for (const [index, { nodePort }] of (service.spec?.ports ?? []).entries()) {
    if (isBlank(nodePort) || had.has(nodePort)) continue;
    const why = await problem(nodePort, serverPort, state);
    if (why !== undefined) errors.push(invalid(`spec.ports[${index}].nodePort`, nodePort, why));
  }
  if (errors.length > 0) throw invalidError({ group: '', name: 'Service' }, service.metadata.name ?? '', errors);
  const check = service.spec?.healthCheckNodePort;
  if (isBlank(check) || had.has(check) || !hasHealthCheckPort(service)) return;
  const why = await problem(check, serverPort, state);
  if (why !== undefined) throw internal(`failed to allocate requested HealthCheck NodePort ${check}: ${why}`);
}

async function problem(port: number, serverPort: number | undefined, state: AdmissionState): Promise<string | undefined> {
  if (port < NODE_PORT_MIN || port > NODE_PORT_MAX)
    return `provided port is not in the valid range. The range of valid ports is ${NODE_PORT_MIN}-${NODE_PORT_MAX}`;
  if (port === serverPort) return 'the server listens on this port';
  return (await isTaken(POOL, state, port - NODE_PORT_MIN)) ? 'provided port is already allocated' : undefined;
}

function numbersOf({ spec }: Service): readonly number[] {
  const ports = (spec?.ports ?? []).map(({ nodePort }) => nodePort);
  return [...ports, spec?.healthCheckNodePort].flatMap((port) => (isBlank(port) ? [] : [port]));
}

function internal(why: string) {
  return apiError('InternalError', `Internal error occurred: ${why}`);
}
