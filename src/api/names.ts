/**
 * What names, keys and numbers of the Kubernetes API may look like. Each function gives the problems in upstream's words
 * (k8s.io/apimachinery/pkg/util/validation and pkg/api/validate/content); no problem, an empty list. Addresses: ip.ts.
 */
import { byteLength } from './text.ts';

export type Problems = readonly string[];

export const DNS_LABEL_BYTES_MAX = 63;
export const DNS_SUBDOMAIN_BYTES_MAX = 253;
export const LABEL_VALUE_BYTES_MAX = 63;
const PORT_NAME_BYTES_MAX = 15;
const PORT_MAX = 65_535;
const USER_ID_MAX = 4_294_967_295;

const DNS_LABEL = '[a-z0-9]([-a-z0-9]*[a-z0-9])?';
const DNS_SUBDOMAIN = String.raw`${DNS_LABEL}(\.${DNS_LABEL})*`;
const DNS_LABEL_UNDERSCORE = '_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?';
const DNS_SUBDOMAIN_UNDERSCORE = String.raw`${DNS_LABEL_UNDERSCORE}(\.${DNS_LABEL_UNDERSCORE})*`;
const DNS_1035_LABEL = '[a-z]([-a-z0-9]*[a-z0-9])?';
const LABEL_KEY = '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]';
const LABEL_VALUE = `(${LABEL_KEY})?`;
const CONFIG_KEY = '[-._a-zA-Z0-9]+';
const PERCENT = '[0-9]+%';
const HEADER_NAME = '[-A-Za-z0-9]+';

const LABEL_KEY_RULE = `must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`;

const compiled = new Map(
  [
    DNS_LABEL,
    DNS_SUBDOMAIN,
    DNS_SUBDOMAIN_UNDERSCORE,
    DNS_1035_LABEL,
    LABEL_KEY,
    LABEL_VALUE,
    CONFIG_KEY,
    PERCENT,
    HEADER_NAME,
  ].map((pattern) => [pattern, new RegExp(`^(?:${pattern})$`)]),
);

/** One of the patterns above. None can backtrack far: every repeat is over one character class. */
const matches = (pattern: string, value: string): boolean => compiled.get(pattern)?.test(value) === true;

export const longest = (bytesMax: number): string => `must be no more than ${bytesMax} bytes`;

export const between = (low: number, high: number): string => `must be between ${low} and ${high}, inclusive`;

export const NOT_NEGATIVE = 'must be greater than or equal to 0';
export const IMMUTABLE = 'field is immutable';

/** Upstream's sentence around a pattern, with its examples. */
export function regexRule(rule: string, pattern: string, ...examples: readonly string[]): string {
  const shown = examples.map((example) => `'${example}', `).join(' or ');
  return `${rule} (${examples.length === 0 ? '' : `e.g. ${shown}`}regex used for validation is '${pattern}')`;
}

export function dnsLabelProblems(value: string): Problems {
  return [...lengthProblems(value, DNS_LABEL_BYTES_MAX), ...dnsLabelFormProblems(value)];
}

function dnsLabelFormProblems(value: string): Problems {
  if (matches(DNS_LABEL, value)) return [];
  if (matches(DNS_SUBDOMAIN, value)) return ['must not contain dots'];
  const rule =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character";
  return [regexRule(rule, DNS_LABEL, 'my-name', '123-abc')];
}

export function dnsSubdomainProblems(value: string): Problems {
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character";
  return [
    ...lengthProblems(value, DNS_SUBDOMAIN_BYTES_MAX),
    ...(matches(DNS_SUBDOMAIN, value) ? [] : [regexRule(rule, DNS_SUBDOMAIN, 'example.com')]),
  ];
}

/** A DNS search domain: a subdomain that may hold underscores. */
export function searchDomainProblems(value: string): Problems {
  const rule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '_', '-' or '.', and must start and end with an alphanumeric character";
  return [
    ...lengthProblems(value, DNS_SUBDOMAIN_BYTES_MAX),
    ...(matches(DNS_SUBDOMAIN_UNDERSCORE, value) ? [] : [regexRule(rule, DNS_SUBDOMAIN_UNDERSCORE, 'example.com')]),
  ];
}

export function dns1035LabelProblems(value: string): Problems {
  const rule =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character";
  return [
    ...lengthProblems(value, DNS_LABEL_BYTES_MAX),
    ...(matches(DNS_1035_LABEL, value) ? [] : [regexRule(rule, DNS_1035_LABEL, 'my-name', 'abc-123')]),
  ];
}

/** A label key: an optional DNS subdomain and '/', then a name. Also finalizers, resource names, condition types. */
export function qualifiedNameProblems(value: string): Problems {
  const parts = value.split('/');
  const [first = '', second] = parts;
  if (parts.length > 2) {
    const rule = regexRule(LABEL_KEY_RULE, LABEL_KEY, 'MyName', 'my.name', '123-abc');
    return [`a valid label key ${rule} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')`];
  }
  return second === undefined ? labelKeyNameProblems(first) : [...prefixProblems(first), ...labelKeyNameProblems(second)];
}

function prefixProblems(prefix: string): Problems {
  if (prefix === '') return ['prefix part must be non-empty'];
  return dnsSubdomainProblems(prefix).map((problem) => `prefix part ${problem}`);
}

function labelKeyNameProblems(name: string): Problems {
  const length = name === '' ? ['must be non-empty'] : lengthProblems(name, DNS_LABEL_BYTES_MAX);
  const form = matches(LABEL_KEY, name) ? [] : [regexRule(LABEL_KEY_RULE, LABEL_KEY, 'MyName', 'my.name', '123-abc')];
  return [...length, ...form].map((problem) => `name part ${problem}`);
}

export function labelValueProblems(value: string): Problems {
  const rule = `a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character`;
  return [
    ...lengthProblems(value, LABEL_VALUE_BYTES_MAX),
    ...(matches(LABEL_VALUE, value) ? [] : [regexRule(rule, LABEL_VALUE, 'MyValue', 'my_value', '12345')]),
  ];
}

/** What may stand between two slashes of a URL. */
export function pathSegmentProblems(value: string): Problems {
  if (value === '.' || value === '..') return [`may not be '${value}'`];
  return ['/', '%'].filter((part) => value.includes(part)).map((part) => `may not contain '${part}'`);
}

/** Since 1.34 any printable ASCII but '='. */
export function envVarNameProblems(value: string): Problems {
  if (value === '') return ['environment variable name must be non-empty'];
  return /^[ -<>-~]*$/.test(value)
    ? []
    : ["a valid environment variable name must consist only of printable ASCII characters other than '='"];
}

/** A key of a ConfigMap or Secret: it becomes a file name. */
export function configKeyProblems(value: string): Problems {
  const rule = "a valid config key must consist of alphanumeric characters, '-', '_' or '.'";
  return [
    ...lengthProblems(value, DNS_SUBDOMAIN_BYTES_MAX),
    ...(matches(CONFIG_KEY, value) ? [] : [regexRule(rule, CONFIG_KEY, 'key.name', 'KEY_NAME', 'key-name')]),
    ...dotsProblems(value),
  ];
}

function dotsProblems(value: string): Problems {
  if (value === '.' || value === '..') return [`must not be '${value}'`];
  return value.startsWith('..') ? [`must not start with '..'`] : [];
}

export function portNumberProblems(port: number): Problems {
  return rangeProblems(port, 1, PORT_MAX);
}

/** RFC 6335 service names, lower case only. */
export function portNameProblems(name: string): Problems {
  return [
    ...lengthProblems(name, PORT_NAME_BYTES_MAX),
    ...(/^[-a-z0-9]+$/.test(name) ? [] : ['must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)']),
    ...(/[a-z]/.test(name) ? [] : ['must contain at least one letter (a-z)']),
    ...(name.includes('--') ? ['must not contain consecutive hyphens'] : []),
    ...(name.startsWith('-') || name.endsWith('-') ? ['must not begin or end with a hyphen'] : []),
  ];
}

export function rangeProblems(value: number, low: number, high: number): Problems {
  return value >= low && value <= high ? [] : [between(low, high)];
}

export const userIdProblems = (id: number): Problems => rangeProblems(id, 0, USER_ID_MAX);

export function percentProblems(value: string): Problems {
  const rule = "a valid percent string must be a numeric string followed by an ending '%'";
  return matches(PERCENT, value) ? [] : [regexRule(rule, PERCENT, '1%', '93%')];
}

export function headerNameProblems(value: string): Problems {
  const rule = "a valid HTTP header must consist of alphanumeric characters or '-'";
  return matches(HEADER_NAME, value) ? [] : [regexRule(rule, HEADER_NAME, 'X-Header-Name')];
}

function lengthProblems(value: string, bytesMax: number): Problems {
  return byteLength(value) > bytesMax ? [longest(bytesMax)] : [];
}
