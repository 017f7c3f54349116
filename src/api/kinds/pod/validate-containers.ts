/** Containers, init containers and ephemeral ones: what each kind may have, and what no two of them may share. */
import { duplicate, forbidden, invalid, notFound, notSupported, required, type FieldError } from '../../field-error.ts';
import type { Container, ContainerPort, EphemeralContainer, PodSpec, Volume } from '../../generated/types.ts';
import { portNameProblems, portNumberProblems } from '../../names.ts';
import { at, isBlank } from '../blank.ts';
import { asGiven, duplicatesOf, invalidFor, labelName, needed, oneOf } from '../check.ts';
import { isRestartableInit } from './state.ts';
import { validateEnv, validateEnvFrom } from './validate-env.ts';
import { validateLifecycle, validateProbe } from './validate-handlers.ts';
import { validateDevices, validateMounts } from './validate-mounts.ts';
import { validateResources } from './validate-resources.ts';
import { validateContainerSecurity } from './validate-security.ts';

export const PROTOCOLS = ['SCTP', 'TCP', 'UDP'];
const PULL_POLICIES = ['Always', 'IfNotPresent', 'Never'];
const MESSAGE_POLICIES = ['File', 'FallbackToLogsOnError'];
const INIT_ONLY = 'may not be set for init containers without restartPolicy=Always';
const EPHEMERAL_WITHOUT = ['ports', 'resources', 'livenessProbe', 'readinessProbe', 'startupProbe', 'lifecycle'] as const;

/** What containers are checked against. */
export type Surroundings = {
  readonly volumes: ReadonlyMap<string, Volume>;
  readonly claimNames: ReadonlySet<string>;
  readonly spec: PodSpec;
  /** Pods refuse images with blanks around them; templates, for old times' sake, do not. */
  readonly isPod: boolean;
};

export function validateContainers(around: Surroundings, path: string): readonly FieldError[] {
  const { containers = [] } = asGiven(around.spec);
  if (containers.length === 0) return [required(path)];
  const names = new Set<string>();
  return [
    ...containers.flatMap((container, index) => {
      const where = at(path, index);
      const twice = names.has(container.name) ? [duplicate(`${where}.name`, container.name)] : [];
      names.add(container.name);
      return [
        ...validateCommon(container, around, where),
        ...twice,
        ...validateRunning(container, around.spec, where),
        ...(container.restartPolicy === undefined
          ? []
          : [forbidden(`${where}.restartPolicy`, 'may not be set for non-init containers')]),
      ];
    }),
    ...hostPortErrors(containers, path),
  ];
}

export function validateInitContainers(around: Surroundings, path: string): readonly FieldError[] {
  const { containers = [], initContainers = [] } = asGiven(around.spec);
  const names = new Set(containers.map(({ name }) => name));
  return initContainers.flatMap((container, index) => {
    const where = at(path, index);
    const twice = names.has(container.name) ? [duplicate(`${where}.name`, container.name)] : [];
    names.add(container.name);
    const { restartPolicy } = container;
    return [
      ...validateCommon(container, around, where),
      ...(restartPolicy === undefined || restartPolicy === 'Always'
        ? []
        : [notSupported(`${where}.restartPolicy`, restartPolicy, ['Always'])]),
      ...twice,
      ...hostPortErrors([container], path),
      ...(isRestartableInit(container)
        ? validateRunning(container, around.spec, where)
        : (['lifecycle', 'livenessProbe', 'readinessProbe', 'startupProbe'] as const)
            .filter((field) => container[field] !== undefined)
            .map((field) => forbidden(`${where}.${field}`, INIT_ONLY))),
    ];
  });
}

export function validateEphemeralContainers(around: Surroundings, path: string): readonly FieldError[] {
  const { containers = [], initContainers = [], ephemeralContainers = [] } = asGiven(around.spec);
  const others = new Set([...containers, ...initContainers].map(({ name }) => name));
  const names = new Set(others);
  return ephemeralContainers.flatMap((container, index) => {
    const where = at(path, index);
    const twice = names.has(container.name) ? [duplicate(`${where}.name`, container.name)] : [];
    names.add(container.name);
    const { targetContainerName = '' } = container;
    return [
      ...validateCommon(container, around, where),
      ...twice,
      ...(targetContainerName === '' || others.has(targetContainerName)
        ? []
        : [notFound(`${where}.targetContainerName`, targetContainerName)]),
      ...EPHEMERAL_WITHOUT.filter((field) => Object.keys(container[field] ?? {}).length > 0).map((field) =>
        forbidden(`${where}.${field}`, 'cannot be set for an Ephemeral Container'),
      ),
    ];
  });
}

function validateCommon(container: Container | EphemeralContainer, around: Surroundings, path: string): readonly FieldError[] {
  const { image = '' } = container;
  return [
    ...labelName(`${path}.name`, container.name),
    ...needed(`${path}.image`, image),
    ...oneOf(`${path}.terminationMessagePolicy`, container.terminationMessagePolicy, MESSAGE_POLICIES),
    ...validatePorts(container.ports, `${path}.ports`),
    ...validateEnv(container.env, `${path}.env`),
    ...validateEnvFrom(container.envFrom, `${path}.envFrom`),
    ...validateMounts(container, around.volumes, `${path}.volumeMounts`),
    ...validateDevices(container, around.volumes, `${path}.volumeDevices`),
    ...oneOf(`${path}.imagePullPolicy`, container.imagePullPolicy, PULL_POLICIES),
    ...validateResources(container.resources, around.claimNames, `${path}.resources`),
    ...validateResizePolicy(container.resizePolicy, around.spec.restartPolicy, `${path}.resizePolicy`),
    ...validateContainerSecurity(container.securityContext, around.spec.hostUsers !== false, `${path}.securityContext`),
    ...(around.isPod && image !== image.trim()
      ? [invalid(`${path}.image`, image, 'must not have leading or trailing whitespace')]
      : []),
  ];
}

/** What only a container that stays may have. */
function validateRunning(container: Container, spec: PodSpec, path: string): readonly FieldError[] {
  const grace = spec.terminationGracePeriodSeconds ?? 0;
  return [
    ...validateLifecycle(container.lifecycle, grace, `${path}.lifecycle`),
    ...validateProbe(container.livenessProbe, 'liveness', grace, `${path}.livenessProbe`),
    ...validateProbe(container.readinessProbe, 'readiness', grace, `${path}.readinessProbe`),
    ...validateProbe(container.startupProbe, 'startup', grace, `${path}.startupProbe`),
  ];
}

function validatePorts(ports: readonly ContainerPort[] | undefined, path: string): readonly FieldError[] {
  const names = new Set<string>();
  return (ports ?? []).flatMap((port, index) => {
    const where = at(path, index);
    const { name = '', containerPort, hostPort, protocol } = port;
    const problems = name === '' ? [] : portNameProblems(name);
    const twice = name !== '' && problems.length === 0 && names.has(name) ? [duplicate(`${where}.name`, name)] : [];
    names.add(name);
    return [
      ...invalidFor(`${where}.name`, name, problems),
      ...twice,
      ...(isBlank(containerPort)
        ? [required(`${where}.containerPort`)]
        : invalidFor(`${where}.containerPort`, containerPort, portNumberProblems(containerPort))),
      ...(isBlank(hostPort) ? [] : invalidFor(`${where}.hostPort`, hostPort, portNumberProblems(hostPort))),
      ...oneOf(`${where}.protocol`, protocol, PROTOCOLS),
    ];
  });
}

/** No two containers of a pod listen on one port of the node. */
function hostPortErrors(containers: readonly Container[], path: string): readonly FieldError[] {
  const ports = containers.flatMap(({ ports: list = [] }, container) =>
    list.map((port, index) => ({ port, path: `${at(`${at(path, container)}.ports`, index)}.hostPort` })),
  );
  return duplicatesOf(
    ports,
    ({ port }) => (isBlank(port.hostPort) ? undefined : `${port.protocol}/${port.hostIP ?? ''}/${port.hostPort}`),
    (index) => ports[index]?.path ?? path,
  );
}

function validateResizePolicy(
  policies: Container['resizePolicy'],
  podRestartPolicy: string | undefined,
  path: string,
): readonly FieldError[] {
  const list = policies ?? [];
  return [
    ...list.flatMap(({ resourceName, restartPolicy }) => [
      ...oneOf(path, resourceName, ['cpu', 'memory']),
      ...oneOf(path, restartPolicy, ['NotRequired', 'RestartContainer']),
      ...(podRestartPolicy === 'Never' && restartPolicy === 'RestartContainer'
        ? [invalid(path, restartPolicy, "must be 'NotRequired' when `restartPolicy` is 'Never'")]
        : []),
    ]),
    ...duplicatesOf(
      list,
      ({ resourceName }) => resourceName,
      (index) => at(path, index),
    ),
  ];
}
