import { expect, test } from 'vitest';
import type { KubeObject, ObjectMeta } from '../object.ts';
import { configMapResource } from './config-map.ts';
import { ANNOTATIONS_BYTES_MAX, validateObjectMeta, validateObjectMetaUpdate } from './meta.ts';
import { namespaceResource } from './namespace.ts';
import { serviceResource } from './service.ts';

const object = (metadata: ObjectMeta): KubeObject => ({
  apiVersion: 'v1',
  kind: 'X',
  metadata: { namespace: 'default', name: 'c', ...metadata },
});

function check(metadata: ObjectMeta, ...expected: readonly (string | RegExp)[]): void {
  const texts = validateObjectMeta(configMapResource, object(metadata)).map(({ field, message }) => `${field}: ${message}`);
  expect(texts).toHaveLength(expected.length);
  for (const [index, text] of expected.entries()) expect(texts[index]).toMatch(text);
}

const owner = { apiVersion: 'v1', kind: 'Pod', name: 'p', uid: 'u' };

test('names and namespaces', () => {
  check({});
  check({ name: '' }, 'metadata.name: Required value: name or generateName is required');
  check({ name: 'Bad_Name' }, /^metadata\.name: Invalid value: "Bad_Name": a lowercase RFC 1123 subdomain must/);
  check({ namespace: '' }, 'metadata.namespace: Required value');
  check({ namespace: 'a.b' }, 'metadata.namespace: Invalid value: "a.b": must not contain dots');
  check({ generateName: 'web-' });
  check({ generateName: '_' }, /^metadata\.generateName: Invalid value: "_"/);
  const cluster = validateObjectMeta(namespaceResource, object({ name: 'a.b' }));
  expect(cluster.map(({ field, message }) => `${field}: ${message}`)).toEqual([
    'metadata.name: Invalid value: "a.b": must not contain dots',
    'metadata.namespace: Forbidden: not allowed on this type',
  ]);
  expect(validateObjectMeta(serviceResource, object({ name: '1a' }))[0]?.message).toMatch(/a DNS-1035 label must consist/);
});

test('labels, annotations, owners and finalizers', () => {
  check({ labels: { 'a b': 'x' } }, /^metadata\.labels: Invalid value: "a b": name part must consist/);
  check({ labels: { a: 'x y' } }, /^metadata\.labels: Invalid value: "x y": a valid label must be an empty string/);
  check({ annotations: { 'Example.COM/a': 'any thing' } });
  check({ annotations: { 'a/b/c': '' } }, /^metadata\.annotations: Invalid value: "a\/b\/c": a valid label key/);
  check(
    { annotations: { a: 'x'.repeat(ANNOTATIONS_BYTES_MAX) } },
    'metadata.annotations: Too long: may not be more than 262144 bytes',
  );
  check({ annotations: { a: 'x'.repeat(ANNOTATIONS_BYTES_MAX - 1) } });
  check({ ownerReferences: [{ ...owner, uid: '' }] }, 'metadata.ownerReferences.uid: Invalid value: "": must not be empty');
  check(
    {
      ownerReferences: [
        { ...owner, controller: true },
        { ...owner, name: 'q', controller: true },
      ],
    },
    /Only one reference can have Controller set to true\. Found "true" in references for Pod\/p and Pod\/q$/,
  );
  check({ ownerReferences: [{ ...owner, kind: 'Event' }] }, /\/v1, Kind=Event is disallowed from being an owner$/);
  check({ finalizers: ['kubernetes', 'example.com/a'] });
  check(
    { finalizers: ['mine'] },
    'metadata.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer name nor is it fully qualified',
  );
  check(
    { finalizers: ['orphan', 'foregroundDeletion'] },
    'metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set',
  );
});

test('what of the metadata stays as it is', () => {
  const old = object({ uid: 'u', resourceVersion: '5', creationTimestamp: '2026-11-20T12:00:00Z', generation: 2 });
  const update = (metadata: ObjectMeta, before: KubeObject = old): readonly string[] =>
    validateObjectMetaUpdate({ ...before, metadata: { ...before.metadata, ...metadata } }, before).map(
      ({ field, message }) => `${field}: ${message}`,
    );
  expect(update({ labels: { a: 'b' } })).toEqual([]);
  expect(update({ resourceVersion: '' })).toEqual([
    'metadata.resourceVersion: Invalid value: "": must be specified for an update',
  ]);
  expect(update({ uid: 'v', name: 'd' })).toEqual([
    'metadata.name: Invalid value: "d": field is immutable',
    'metadata.uid: Invalid value: "v": field is immutable',
  ]);
  expect(update({ generation: 1 })).toEqual(['metadata.generation: Invalid value: 1: must not be decremented']);
  expect(update({ deletionTimestamp: '2026-11-20T12:00:00Z' })).toEqual([
    'metadata.deletionTimestamp: Invalid value: "2026-11-20T12:00:00Z": field is immutable',
  ]);
  const going = object({ ...old.metadata, deletionTimestamp: '2026-11-20T12:00:00Z', finalizers: ['example.com/a'] });
  expect(update({ finalizers: [] }, going)).toEqual([]);
  expect(update({ finalizers: ['example.com/a', 'example.com/b'] }, going)).toEqual([
    'metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"example.com/b"}',
  ]);
});
