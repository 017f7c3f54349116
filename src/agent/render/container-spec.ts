import type { PodItem } from '#api/link/items.ts';
import type { Documents } from '../ledger/ledger.ts';
import { containersOf } from '../plan/restart-policy.ts';
import { containerName } from '../runtime/labels.ts';
import type { ContainerSpec, ImageConfig, Mount, SandboxSpec } from '../runtime/runtime.ts';
import { configError } from './config-error.ts';
import { TEXTS_LENGTH_MAX, environmentOf } from './environment.ts';
import { expand } from './expand.ts';
import type { PodFacts } from './field-ref.ts';
import { mountsOf, type VolumeSource } from './mounts.ts';
import { podCpuShares, resourcesOf } from './resources.ts';
import { securityOf } from './security.ts';

/** A container of a pod in the words of an engine. Everything it needs to know is an argument; nothing here is read or written. */
export type ContainerOrder = {
  readonly item: PodItem;
  readonly container: string;
  readonly attempt: number;
  readonly sandboxAttempt: number;
  readonly sandboxId: string;
  readonly hash: string;
  readonly documents: Documents;
  readonly facts: PodFacts;
  readonly image: ImageConfig;
  readonly volumes: ReadonlyMap<string, VolumeSource>;
  /** hosts, hostname, resolv.conf and the termination message, as made by src/agent/volumes. */
  readonly files: readonly Mount[];
};

const GRACE_SECONDS_DEFAULT = 30;

export function containerSpec(order: ContainerOrder): ContainerSpec {
  const { item, sandboxId, attempt, sandboxAttempt, hash, documents, facts, image } = order;
  const { spec, metadata } = item;
  const container = containersOf(item).find((entry) => entry.container.name === order.container)?.container;
  if (container === undefined) throw configError(`the pod has no container "${order.container}"`);
  const environment = environmentOf(item, container, documents, facts);
  let length = 0;
  const expandText = (text: string) => {
    const expanded = expand(text, (name) => environment.get(name));
    length += expanded.length;
    if (length > TEXTS_LENGTH_MAX)
      throw configError(`its command and arguments are longer than ${TEXTS_LENGTH_MAX} bytes: more than a program can be given`);
    return expanded;
  };
  const targets = new Set((container.volumeMounts ?? []).map(({ mountPath }) => mountPath));
  return {
    name: containerName(metadata, container.name, attempt),
    labels: { podUid: metadata.uid, container: container.name, attempt, sandboxAttempt, hash },
    sandboxId,
    image: container.image ?? '',
    ...(container.command === undefined || container.command.length === 0
      ? {}
      : { entrypoint: container.command.map(expandText) }),
    ...commandOf(container.command, container.args, expandText),
    environment: [...environment].map(([name, value]) => `${name}=${value}`),
    ...(container.workingDir === undefined || container.workingDir === '' ? {} : { workingDir: container.workingDir }),
    ...securityOf(item, container, image),
    // What a volume is mounted over is the pod's own choice.
    mounts: [...order.files.filter(({ target }) => !targets.has(target)), ...mountsOf(container, order.volumes, environment)],
    pid: spec.hostPID === true ? 'host' : spec.shareProcessNamespace === true ? 'sandbox' : 'own',
    hostIpc: spec.hostIPC === true,
    resources: resourcesOf(item, container, facts.allocatable.memoryBytes),
    tty: container.tty === true,
    stdin: container.stdin === true,
    stdinOnce: container.stdinOnce === true,
    ...(container.lifecycle?.stopSignal === undefined ? {} : { stopSignal: container.lifecycle.stopSignal }),
    stopGraceSeconds: spec.terminationGracePeriodSeconds ?? GRACE_SECONDS_DEFAULT,
  };
}

/** A command replaces the image's arguments too; arguments alone go to the image's entrypoint. */
function commandOf(
  command: readonly string[] | undefined,
  args: readonly string[] | undefined,
  expandText: (text: string) => string,
): { readonly command?: readonly string[] } {
  if (args !== undefined && args.length > 0) return { command: args.map(expandText) };
  return command === undefined || command.length === 0 ? {} : { command: [] };
}

export function sandboxSpec(item: PodItem, attempt: number, clusterDomain: string): SandboxSpec {
  const { metadata, spec } = item;
  const sysctls = (spec.securityContext?.sysctls ?? []).map(({ name, value }) => [name, value]);
  return {
    name: containerName(metadata, '', attempt),
    labels: { podUid: metadata.uid, container: '', attempt, sandboxAttempt: attempt, hash: '' },
    hostname: hostnameOf(item, clusterDomain),
    hostNetwork: spec.hostNetwork === true,
    hostPid: spec.hostPID === true,
    hostIpc: spec.hostIPC === true,
    sysctls: Object.fromEntries(sysctls) as Readonly<Record<string, string>>,
    cpuShares: podCpuShares(item),
  };
}

const HOSTNAME_LENGTH_MAX = 63;

export function hostnameOf({ metadata, spec }: PodItem, clusterDomain: string): string {
  const name = (spec.hostnameOverride ?? spec.hostname ?? metadata.name).slice(0, HOSTNAME_LENGTH_MAX).replace(/[-.]+$/, '');
  const domain = domainOf({ metadata, spec }, clusterDomain);
  return spec.setHostnameAsFQDN === true && domain !== undefined ? `${name}.${domain}` : name;
}

/** The domain of a pod with a subdomain. */
export function domainOf({ metadata, spec }: Pick<PodItem, 'metadata' | 'spec'>, clusterDomain: string): string | undefined {
  return spec.subdomain === undefined || spec.subdomain === ''
    ? undefined
    : `${spec.subdomain}.${metadata.namespace}.svc.${clusterDomain}`;
}
