/** Probes and lifecycle hooks. */
import { forbidden, invalid, required, type FieldError } from '../../field-error.ts';
import type {
  ExecAction,
  GRPCAction,
  HTTPGetAction,
  Lifecycle,
  Probe,
  SleepAction,
  TCPSocketAction,
} from '../../generated/types.ts';
import { headerNameProblems, portNameProblems, portNumberProblems } from '../../names.ts';
import { invalidFor, needed, NO_ERRORS, notNegative, oneOf } from '../check.ts';

type Handler = {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
  readonly sleep?: SleepAction;
};

export function validateLifecycle(lifecycle: Lifecycle | undefined, graceSeconds: number, path: string): readonly FieldError[] {
  const { postStart, preStop } = lifecycle ?? {};
  return [
    ...(postStart === undefined ? [] : validateHandler(postStart, graceSeconds, `${path}.postStart`)),
    ...(preStop === undefined ? [] : validateHandler(preStop, graceSeconds, `${path}.preStop`)),
  ];
}

/** Liveness and startup probes succeed once; a readiness probe does not end a container. */
export function validateProbe(
  probe: Probe | undefined,
  kind: 'liveness' | 'readiness' | 'startup',
  graceSeconds: number,
  path: string,
): readonly FieldError[] {
  if (probe === undefined) return NO_ERRORS;
  const { terminationGracePeriodSeconds: grace, successThreshold } = probe;
  const counts = ['initialDelaySeconds', 'timeoutSeconds', 'periodSeconds', 'successThreshold', 'failureThreshold'] as const;
  return [
    ...validateHandler(probe, graceSeconds, path),
    ...counts.flatMap((field) => notNegative(`${path}.${field}`, probe[field])),
    ...(grace !== undefined && grace <= 0
      ? [invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must be greater than 0')]
      : []),
    ...(kind !== 'readiness' && successThreshold !== 1
      ? [invalid(`${path}.successThreshold`, successThreshold, 'must be 1')]
      : []),
    ...(kind === 'readiness' && grace !== undefined
      ? [invalid(`${path}.terminationGracePeriodSeconds`, grace, 'must not be set for readinessProbes')]
      : []),
  ];
}

export function validatePort(port: number | string | undefined, path: string): readonly FieldError[] {
  return typeof port === 'string'
    ? invalidFor(path, port, portNameProblems(port))
    : invalidFor(path, port ?? 0, portNumberProblems(port ?? 0));
}

function validateHandler(handler: Handler, graceSeconds: number, path: string): readonly FieldError[] {
  const { exec, httpGet, tcpSocket, grpc, sleep } = handler;
  const given = [
    ...(exec === undefined ? [] : [{ field: 'exec', errors: needed(`${path}.exec.command`, exec.command) }]),
    ...(httpGet === undefined ? [] : [{ field: 'httpGet', errors: validateHttpGet(httpGet, `${path}.httpGet`) }]),
    ...(tcpSocket === undefined ? [] : [{ field: 'tcpSocket', errors: validatePort(tcpSocket.port, `${path}.tcpSocket.port`) }]),
    ...(grpc === undefined ? [] : [{ field: 'grpc', errors: validatePort(grpc.port, `${path}.grpc.port`) }]),
    ...(sleep === undefined ? [] : [{ field: 'sleep', errors: validateSleep(sleep, graceSeconds, `${path}.sleep`) }]),
  ];
  const [first, ...more] = given;
  if (first === undefined) return [required(path, 'must specify a handler type')];
  return [...first.errors, ...more.map(({ field }) => forbidden(`${path}.${field}`, 'may not specify more than 1 handler type'))];
}

function validateHttpGet({ path: target, port, scheme, httpHeaders = [] }: HTTPGetAction, path: string): readonly FieldError[] {
  return [
    ...needed(`${path}.path`, target),
    ...validatePort(port, `${path}.port`),
    ...oneOf(`${path}.scheme`, scheme, ['HTTP', 'HTTPS']),
    ...httpHeaders.flatMap(({ name = '' }: { readonly name?: string }) =>
      invalidFor(`${path}.httpHeaders`, name, headerNameProblems(name)),
    ),
  ];
}

function validateSleep({ seconds }: SleepAction, graceSeconds: number, path: string): readonly FieldError[] {
  if (seconds >= 0 && seconds <= graceSeconds) return NO_ERRORS;
  return [invalid(path, seconds, `must be non-negative and less than terminationGracePeriodSeconds (${graceSeconds})`)];
}
