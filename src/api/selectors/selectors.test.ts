import fc from 'fast-check';
import { expect, test } from 'vitest';
import { hasCode } from '../../lib/error.ts';
import { builtinResources } from '../kinds/builtin.ts';
import { configMapResource } from '../kinds/config-map.ts';
import { customResourceDefinitionResource } from '../kinds/custom-resource-definition.ts';
import { nodeResource } from '../kinds/node.ts';
import { podResource } from '../kinds/pod.ts';
import type { KubeObject } from '../object.ts';
import type { Resource } from '../resource.ts';
import { parseFieldSelector } from './field-selector.ts';
import { matchesLabelSelector, parseLabelSelector } from './label-selector.ts';

const labelled = (labels: Record<string, string>): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web', namespace: 'default', labels },
  spec: { nodeName: 'a,b=c' },
  status: { phase: 'Running' },
});

const OBJECT = labelled({ app: 'web', tier: '', version: '12', 'example.com/in': 'in' });

const VALUE_RULE = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`;

/** True, false, or the words of the refusal. */
function checkLabels(text: string, expected: boolean | string, object = OBJECT): void {
  expect(
    resultOf(() => parseLabelSelector(text)(object)),
    text,
  ).toBe(expected);
}

function checkFields(text: string, expected: boolean | string, resource: Resource = podResource): void {
  expect(
    resultOf(() => parseFieldSelector(text, resource)(OBJECT)),
    text,
  ).toBe(expected);
}

function resultOf(match: () => boolean): boolean | string {
  try {
    return match();
  } catch (error) {
    expect(hasCode(error, 'BadRequest')).toBe(true);
    return error instanceof Error ? error.message : '';
  }
}

test('label selectors', () => {
  checkLabels('', true);
  checkLabels(' app = web , tier ', true);
  checkLabels('app==web,app!=db,!gone', true);
  checkLabels('app,gone', false);
  checkLabels('app in (db, web)', true);
  checkLabels('app notin (db,web)', false);
  checkLabels('gone notin (x)', true);
  checkLabels('tier=,app', true);
  checkLabels('tier in ()', true);
  checkLabels('tier in (x,)', true);
  checkLabels('tier in (,)', true);
  checkLabels('app in (x,)', false);
  checkLabels('version>11,version<13', true);
  checkLabels('version>12', false);
  checkLabels('app>1', false);
  checkLabels('example.com/in in (in)', true);
  checkLabels('version>0000000000000000000011', true);
  checkLabels('version>11', false, labelled({ version: '9223372036854775808' }));
});

test('label selectors that are none', () => {
  checkLabels('a in b', "unable to parse requirement: found 'b' expected: '('");
  checkLabels('a,', "found '', expected: identifier after ','");
  checkLabels('a b', "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt");
  checkLabels('a=b c', "found 'c', expected: ',' or 'end of string'");
  checkLabels('=a', "found '=', expected: !, identifier, or 'end of string'");
  checkLabels('!', "unable to parse requirement: found '', expected: identifier");
  checkLabels('a=(', "unable to parse requirement: found '(', expected: identifier");
  checkLabels('a in (b c)', "unable to parse requirement: found 'c', expected: ',' or ')'");
  checkLabels('a in (=)', "unable to parse requirement: found '=', expected: ',', ')' or identifier");
  checkLabels(
    'a>x',
    `unable to parse requirement: values[0]: Invalid value: "x": for 'Gt', 'Lt' operators, the value must be an integer`,
  );
  checkLabels(
    'a>9223372036854775808',
    `unable to parse requirement: values[0]: Invalid value: "9223372036854775808": for 'Gt', 'Lt' operators, the value must be an integer`,
  );
  checkLabels(
    'a in (-c,b,-a)',
    `unable to parse requirement: [values[0][a]: Invalid value: "-a": ${VALUE_RULE}, values[1][a]: Invalid value: "-c": ${VALUE_RULE}]`,
  );
  checkLabels(
    `a=${'/'.repeat(64)}`,
    `unable to parse requirement: values[0][a]: Invalid value: "${'/'.repeat(64)}": must be no more than 63 bytes; ${VALUE_RULE}`,
  );
  checkLabels('a=b\u{e9}', `unable to parse requirement: values[0][a]: Invalid value: "b\u{e9}": ${VALUE_RULE}`);
  checkLabels('a=b\u{a0}', String.raw`unable to parse requirement: values[0][a]: Invalid value: "b\u00a0": ${VALUE_RULE}`);
  expect(resultOf(() => parseLabelSelector('a/b/c')(OBJECT))).toMatch(
    /^unable to parse requirement: <nil>: Invalid value: "a\/b\/c": /,
  );
  expect(resultOf(() => parseLabelSelector('a=-b')(OBJECT))).toMatch(
    /^unable to parse requirement: values\[0\]\[a\]: Invalid value: "-b": /,
  );
});

test('labels are an object’s own, whatever they are called', () => {
  const plain = labelled({});
  for (const key of ['constructor', 'toString', 'hasOwnProperty']) {
    checkLabels(key, false, plain);
    checkLabels(`!${key}`, true, plain);
  }
  for (const key of ['constructor', '__proto__']) {
    expect(matchesLabelSelector({ matchLabels: Object.fromEntries([[key, 'x']]) }, {})).toBe(false);
    expect(matchesLabelSelector({ matchExpressions: [{ key, operator: 'Exists' }] }, {})).toBe(false);
  }
  checkLabels('constructor=x', true, labelled({ constructor: 'x' } as unknown as Record<string, string>));
});

test('the selectors of specs', () => {
  const labels = { app: 'web' };
  expect(matchesLabelSelector(undefined, labels)).toBe(false);
  expect(matchesLabelSelector({}, undefined)).toBe(true);
  expect(matchesLabelSelector({ matchLabels: { app: 'web' } }, labels)).toBe(true);
  expect(matchesLabelSelector({ matchLabels: { app: 'db' } }, labels)).toBe(false);
  expect(matchesLabelSelector({ matchExpressions: [{ key: 'app', operator: 'Unknown' }] }, labels)).toBe(false);
});

test('field selectors', () => {
  checkFields('', true);
  checkFields('metadata.name=web,status.phase!=Failed', true);
  checkFields('metadata.namespace==kube-system', false);
  checkFields(String.raw`spec.nodeName=a\,b\=c`, true);
  checkFields('spec.nodeName=', false);
  checkFields('metadata.name=web,,', true);
  checkFields('metadata.name', "invalid selector: 'metadata.name'; can't understand 'metadata.name'");
  checkFields('metadata.name=a=b', 'invalid field selector: unescaped character in value: 61');
  checkFields('metadata.name=web\\', 'invalid field selector: invalid escape sequence: \\');
  checkFields(String.raw`metadata.name=\w`, String.raw`invalid field selector: invalid escape sequence: \w`);
  checkFields('constructor=x', 'field label not supported: constructor');
  checkFields('=,!=', true);
  checkFields('=x', 'field label not supported: ');
  // All is read, in the order of the alphabet, before any field is asked after.
  checkFields('spec.foo=x,b,a', "invalid selector: 'spec.foo=x,b,a'; can't understand 'a'");
  checkFields('spec.foo=x,metadata.foo!=y', 'field label not supported: metadata.foo');
  checkFields(
    'spec.foo=x',
    '"spec.foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
    configMapResource,
  );
  checkFields(`metadata.name=${'x'.repeat(16_384)}`, 'the field selector is longer than 16384 characters');
});

test('the fields of each kind are upstream’s; a pod’s node has its first name, too', () => {
  checkFields(String.raw`spec.host=a\,b\=c`, true);
  checkFields('spec.host!=n1,spec.nodeName!=n1', true);
  const involved = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];
  const fields: Readonly<Record<string, readonly string[]>> = {
    pods: [
      ...['host', 'nodeName', 'restartPolicy', 'schedulerName', 'serviceAccountName', 'hostNetwork'].map(
        (name) => `spec.${name}`,
      ),
      ...['phase', 'podIP', 'podIPs', 'nominatedNodeName'].map((name) => `status.${name}`),
    ],
    nodes: ['spec.unschedulable'],
    namespaces: ['status.phase'],
    secrets: ['type'],
    services: ['spec.clusterIP', 'spec.type'],
    events: [...involved.map((name) => `involvedObject.${name}`), 'reason', 'reportingComponent', 'source', 'type'],
    'replicasets.apps': ['status.replicas'],
  };
  for (const resource of builtinResources)
    expect(Object.keys(resource.fields).toSorted(), resource.id).toEqual((fields[resource.id] ?? []).toSorted());
});

test('a namespace is no field of what lives in none, where a kind has fields of its own', () => {
  checkFields('metadata.namespace=x', 'field label not supported: metadata.namespace', nodeResource);
  checkFields('metadata.namespace=', false, customResourceDefinitionResource);
});

test('no text is more than refused', () => {
  const text = fc.oneof(
    fc.string(),
    fc
      .array(fc.constantFrom('a', '1', 'in', 'notin', '(', ')', ',', '=', '!', ' ', '\\', '>', '<', 'metadata.name', '__proto__'))
      .map((all) => all.join('')),
  );
  fc.assert(
    fc.property(text, (selector) => {
      resultOf(() => parseLabelSelector(selector)(OBJECT));
      resultOf(() => parseFieldSelector(selector, podResource)(OBJECT));
    }),
  );
});
