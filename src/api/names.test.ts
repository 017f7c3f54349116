import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  configKeyProblems,
  dns1035LabelProblems,
  dnsLabelProblems,
  dnsSubdomainProblems,
  envVarNameProblems,
  headerNameProblems,
  labelValueProblems,
  pathSegmentProblems,
  percentProblems,
  portNameProblems,
  portNumberProblems,
  qualifiedNameProblems,
  searchDomainProblems,
  userIdProblems,
  type Problems,
} from './names.ts';

function checkGood(problemsOf: (name: string) => Problems, ...names: readonly string[]): void {
  for (const name of names) expect(problemsOf(name), name).toEqual([]);
}

function checkBad(problemsOf: (name: string) => Problems, name: string, ...expected: readonly string[]): void {
  expect(problemsOf(name), name).toEqual(expected);
}

const LABEL =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const KEY_NAME =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";

test('DNS labels', () => {
  checkGood(dnsLabelProblems, 'a', '1', 'my-name', 'a'.repeat(63));
  checkBad(dnsLabelProblems, '', LABEL);
  checkBad(dnsLabelProblems, 'My', LABEL);
  checkBad(dnsLabelProblems, '-a', LABEL);
  checkBad(dnsLabelProblems, 'a\n', LABEL);
  checkBad(dnsLabelProblems, 'a.b', 'must not contain dots');
  checkBad(dnsLabelProblems, 'a'.repeat(64), 'must be no more than 63 bytes');
});

test('DNS subdomains', () => {
  checkGood(dnsSubdomainProblems, 'a', 'a.b', '10.0.0.1', 'kube-root-ca.crt');
  checkBad(dnsSubdomainProblems, 'Bad_Name', SUBDOMAIN);
  checkBad(dnsSubdomainProblems, 'a..b', SUBDOMAIN);
  checkBad(dnsSubdomainProblems, 'a'.repeat(254), 'must be no more than 253 bytes');
  checkGood(searchDomainProblems, '_sip._tcp.example.com', 'a.b');
  expect(searchDomainProblems('a b')).toHaveLength(1);
});

test('DNS 1035 labels begin with a letter', () => {
  checkGood(dns1035LabelProblems, 'a', 'web-1');
  expect(dns1035LabelProblems('1a')[0]).toMatch(/^a DNS-1035 label must consist of/);
});

test('label keys', () => {
  checkGood(qualifiedNameProblems, 'a', 'A_b.C-1', 'example.com/MyName', 'node-role.kubernetes.io/control-plane');
  checkBad(qualifiedNameProblems, '', 'name part must be non-empty', KEY_NAME);
  checkBad(qualifiedNameProblems, '/a', 'prefix part must be non-empty');
  checkBad(qualifiedNameProblems, 'Bad/a', `prefix part ${SUBDOMAIN}`);
  checkBad(
    qualifiedNameProblems,
    'a/b/',
    expect.stringMatching(/^a valid label key must consist of .*\(e\.g\. 'example\.com\/MyName'\)$/) as string,
  );
  checkBad(qualifiedNameProblems, 'a'.repeat(64), 'name part must be no more than 63 bytes');
});

test('label values may be empty', () => {
  checkGood(labelValueProblems, '', 'a', 'A_b.c');
  expect(labelValueProblems('-')).toHaveLength(1);
  checkBad(labelValueProblems, 'a'.repeat(64), 'must be no more than 63 bytes');
});

test('file-like and variable names', () => {
  checkGood(configKeyProblems, 'a', 'ca.crt', '.dockercfg', 'A-b_c');
  checkBad(configKeyProblems, '..', "must not be '..'");
  checkBad(configKeyProblems, '..a', "must not start with '..'");
  expect(configKeyProblems('a/b')).toHaveLength(1);
  checkGood(envVarNameProblems, 'PATH', '1', 'a b', 'x.y-z');
  expect(envVarNameProblems('')).toEqual(['environment variable name must be non-empty']);
  for (const name of ['A=B', 'ä', '\t']) expect(envVarNameProblems(name)).toHaveLength(1);
  checkBad(pathSegmentProblems, '..', "may not be '..'");
  checkBad(pathSegmentProblems, 'a/b%', "may not contain '/'", "may not contain '%'");
});

test('ports, percents, headers and ids', () => {
  checkGood(portNameProblems, 'http', 'h2c', 'a-b');
  checkBad(portNameProblems, '80', 'must contain at least one letter (a-z)');
  checkBad(portNameProblems, 'a--b', 'must not contain consecutive hyphens');
  checkBad(portNameProblems, 'a-', 'must not begin or end with a hyphen');
  checkBad(portNameProblems, 'a'.repeat(16), 'must be no more than 15 bytes');
  expect(portNumberProblems(65_536)).toEqual(['must be between 1 and 65535, inclusive']);
  expect(portNumberProblems(0)).toHaveLength(1);
  expect(portNumberProblems(1)).toEqual([]);
  checkGood(percentProblems, '0%', '150%');
  expect(percentProblems('25')[0]).toBe(
    "a valid percent string must be a numeric string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is '[0-9]+%')",
  );
  checkGood(headerNameProblems, 'X-Header-Name');
  expect(headerNameProblems('a b')).toHaveLength(1);
  expect(userIdProblems(-1)).toEqual(['must be between 0 and 4294967295, inclusive']);
});

test('a name that is fit for a label is never refused as subdomain or label value', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-zA-Z0-9.-]{1,70}$/), (name) => {
      if (dnsLabelProblems(name).length > 0) return;
      expect(dnsSubdomainProblems(name)).toEqual([]);
      expect(labelValueProblems(name)).toEqual([]);
    }),
  );
});

test('long hostile names never take long', () => {
  const hostile = `${'a-'.repeat(50_000)}!`;
  const before = performance.now();
  for (const check of [dnsLabelProblems, dnsSubdomainProblems, qualifiedNameProblems, labelValueProblems, configKeyProblems]) {
    expect(check(hostile).length).toBeGreaterThan(0);
  }
  expect(performance.now() - before).toBeLessThan(2_000);
});
