import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ServiceSpec } from '../service.ts';
import { endpointOf, selectsLabels, type PodFacts, type SelectedPod } from './endpoints.ts';

const service = (spec: ServiceSpec = {}) => ({
  metadata: { namespace: 'default', name: 'web' },
  spec: { selector: { app: 'web' }, ports: [{ port: 80, protocol: 'TCP', targetPort: 'http' }], ...spec },
});
const pod = (spec: Partial<NonNullable<SelectedPod['spec']>> = {}, metadata: SelectedPod['metadata'] = {}): SelectedPod => ({
  metadata: { namespace: 'default', labels: { app: 'web', more: 'x' }, ...metadata },
  spec: { containers: [{ name: 'c', ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }] }], ...spec },
});
const READY: PodFacts = { address: '10.32.0.2', isReady: true, isTerminal: false };

/** As one line: where, then what is not as for a pod that is ready. */
function check(spec: ServiceSpec, which: SelectedPod, facts: Partial<PodFacts>, expected: string | undefined): void {
  const found = endpointOf(service(spec), which, { ...READY, ...facts });
  const states = [
    ...(found?.ready === false ? ['unready'] : []),
    ...(found?.serving === false ? ['not serving'] : []),
    ...(found?.terminating === true ? ['terminating'] : []),
    ...(found?.hostname === undefined ? [] : [`as ${found.hostname}`]),
  ];
  const ports = (found?.ports ?? []).map(({ name, protocol, port }) => `${name}:${port}/${protocol}`);
  expect(found === undefined ? undefined : [found.address, ...ports, ...states].join(' ')).toBe(expected);
}

const GOING = { deletionTimestamp: '2026-01-01T00:00:00Z' };

test('which pods are endpoints, and what is said of them', () => {
  check({}, pod(), {}, '10.32.0.2 :8080/TCP');
  check({}, pod(), { isReady: false }, '10.32.0.2 :8080/TCP unready not serving');
  check({}, pod({}, GOING), {}, '10.32.0.2 :8080/TCP unready terminating');
  check({}, pod({}, GOING), { isReady: false }, '10.32.0.2 :8080/TCP unready not serving terminating');
  check({ publishNotReadyAddresses: true }, pod(), { isReady: false }, '10.32.0.2 :8080/TCP not serving');
  check({ publishNotReadyAddresses: true }, pod({}, GOING), {}, '10.32.0.2 :8080/TCP terminating');
  check({}, pod(), { isTerminal: true }, undefined);
  check({}, pod(), { address: '' }, undefined);
  check({}, pod(), { address: undefined }, undefined);
  check({}, pod({}, { namespace: 'shop' }), {}, undefined);
  check({}, pod({}, { labels: { app: 'other' } }), {}, undefined);
  check({ selector: {} }, pod(), {}, undefined);
  check({ type: 'ExternalName' }, pod(), {}, undefined);
});

test('its ports, each as the pod has it', () => {
  const ports = (...targets: readonly (string | number | undefined)[]) =>
    targets.map((targetPort, index) => ({
      name: `p${index}`,
      port: 80 + index,
      ...(targetPort === undefined ? {} : { targetPort }),
    }));
  check({ ports: ports('http', 9090, undefined) }, pod(), {}, '10.32.0.2 p0:8080/TCP p1:9090/TCP p2:82/TCP');
  // Upstream leaves out a name that the pod does not have; the others go on.
  check({ ports: ports('admin', 9090) }, pod(), {}, '10.32.0.2 p1:9090/TCP');
  check({ ports: [{ port: 53, protocol: 'UDP', targetPort: 'http' }] }, pod(), {}, '10.32.0.2');
  check({ ports: [] }, pod(), {}, '10.32.0.2');
  const beside = (restartPolicy: string) => ({
    initContainers: [{ name: 'side', restartPolicy, ports: [{ name: 'admin', containerPort: 9000 }] }],
  });
  check({ ports: ports('admin') }, pod(beside('Always')), {}, '10.32.0.2 p0:9000/TCP');
  check({ ports: ports('admin') }, pod(beside('')), {}, '10.32.0.2');
});

test('a hostname counts below the service that the pod names', () => {
  check({}, pod({ hostname: 'a', subdomain: 'web' }), {}, '10.32.0.2 :8080/TCP as a');
  check({}, pod({ hostname: 'a', subdomain: 'other' }), {}, '10.32.0.2 :8080/TCP');
  check({}, pod({ subdomain: 'web' }), {}, '10.32.0.2 :8080/TCP');
});

test('a selector never takes what misses one of its labels, whatever they are called', () => {
  const labels = fc.dictionary(fc.constantFrom('a', 'b', 'toString', '__proto__'), fc.constantFrom('', 'x'));
  fc.assert(
    fc.property(labels, labels, (selector, given) => {
      const entries = Object.entries(selector);
      const wanted = entries.length > 0 && entries.every(([key, value]) => Object.hasOwn(given, key) && given[key] === value);
      expect(selectsLabels(service({ selector }), given)).toBe(wanted);
    }),
  );
});
