import { expect, test } from 'vitest';
import { negotiate } from './form.ts';

/** `json`, `yaml`, `table v1 Metadata`, `partial v1`, or the words of the refusal. */
function checkForm(accept: string | undefined, expected: string, query = '', isStream = false): void {
  expect(formOf(accept, query, isStream), accept).toBe(expected);
}

function formOf(accept: string | undefined, query: string, isStream: boolean): string {
  try {
    const form = negotiate(accept, new URLSearchParams(query), isStream);
    if (form.as === 'object') return form.yaml ? 'yaml' : 'json';
    return form.as === 'table' ? `table ${form.version} ${form.include}` : `partial ${form.version}`;
  } catch (error) {
    return error instanceof Error ? error.message : '';
  }
}

const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io';

test('the form of an answer', () => {
  checkForm(undefined, 'json');
  checkForm('', 'json');
  checkForm('application/yaml', 'yaml');
  checkForm('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'json');
  checkForm(`${TABLE},application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json`, 'table v1 Metadata');
  checkForm(TABLE.replace('v1;', 'v1beta1;'), 'table v1beta1 None', 'includeObject=None');
  checkForm(
    'application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io',
    'partial v1',
  );
  checkForm('application/vnd.kubernetes.protobuf, application/json', 'json');
});

test('the better weight goes first, none is none', () => {
  checkForm('application/yaml;q=0.5, application/json', 'json');
  checkForm(`application/json;q=0.2, ${TABLE};q=0.9`, 'table v1 Metadata');
  checkForm('application/json;q=0, application/yaml;q=0.1', 'yaml');
  checkForm('*/*;q=0', '406: Not Acceptable');
});

test('what can not be served', () => {
  checkForm('text/csv', '406: Not Acceptable');
  checkForm(
    'application/vnd.kubernetes.protobuf',
    'only the following media types are accepted: application/json, application/yaml',
  );
  checkForm(
    'application/json;as=Chart;v=v1;g=meta.k8s.io',
    'only the following media types are accepted: application/json, application/yaml',
  );
  checkForm(
    'application/json;as=Table;v=v2;g=meta.k8s.io',
    'only the following media types are accepted: application/json, application/yaml',
  );
  checkForm('application/yaml', 'only the following media types are accepted: application/json', '', true);
  checkForm('application/yaml, application/json', 'json', '', true);
});
