import { InvalidArgumentError, Option } from 'commander';
import { clusterCidrProblem, clusterDomainProblem, serviceCidrProblem } from '#api/cluster-network.ts';
import { formatIp, parseIp } from '#api/ip.ts';
import { dnsSubdomainProblems, labelValueProblems, qualifiedNameProblems } from '#api/names.ts';
import { ZERO_QUANTITY, compareQuantities, quantityOf, quantityValue, tryParseQuantity } from '#api/quantity.ts';
import { LOG_LEVELS, type LogLevel } from '#lib/log-level.ts';
import { KEEPALIVE_SECONDS_MAX } from '#net/link/transport.ts';
import { parseProxy, type Proxy } from '#net/proxy/proxy.ts';

/** Parsers of flag values: each takes what the user typed and gives the value, or says what would have been right. */

/** An option whose default is written, in the help too, as a user would write it. */
export function parsedOption<T>(flags: string, description: string, parse: (text: string) => T, byDefault: string): Option {
  return new Option(flags, description).argParser(parse).default(parse(byDefault), byDefault);
}

/** `30s`, `5m`, `24h`, `1h30m`, `500ms` → milliseconds. */
export function duration(text: string): number {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)];
  if (parts.length === 0 || parts.map((part) => part[0]).join('') !== text) {
    throw new InvalidArgumentError('Use a number with a unit, like 30s, 5m or 24h.');
  }
  return parts.reduce((sum, part) => sum + Number(part[1]) * (UNIT_MS[part[2] ?? ''] ?? 0), 0);
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** For how long a token is good, in milliseconds. */
export function ttl(text: string): number {
  const ms = duration(text);
  if (ms < 1_000 || ms > TTL_MS_MAX) throw new InvalidArgumentError('Use a time between 1s and 3650d, like 24h.');
  return ms;
}

const TTL_MS_MAX = 3_650 * 86_400_000;

/** How often an idle link is probed, in milliseconds: what a server takes (net/link). */
export function keepalive(text: string): number {
  const ms = duration(text);
  if (ms < 1_000 || ms > KEEPALIVE_SECONDS_MAX * 1_000)
    throw new InvalidArgumentError(`Use a time between 1s and ${KEEPALIVE_SECONDS_MAX}s, like 30s.`);
  return ms;
}

export function folder(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Use a folder, like /var/lib/skerry.');
  return text;
}

export function file(text: string): string {
  if (text.trim() === '') throw new InvalidArgumentError('Use a file, like /var/log/skerry.log.');
  return text;
}

export function nodeName(text: string): string {
  const [problem] = dnsSubdomainProblems(text);
  if (problem !== undefined) throw new InvalidArgumentError(`It can be no node's name: ${problem}.`);
  return text;
}

export function ipAddress(text: string): string {
  if (parseIp(text) === undefined) throw new InvalidArgumentError('Use an IP address, like 192.168.1.7.');
  return text;
}

/** A list of names and addresses for a certificate, `api.example.com,203.0.113.7`; given more than once, all of them. */
export function tlsSans(text: string, before: readonly string[] = []): readonly string[] {
  const names = [...new Set([...before, ...text.split(',').map(tlsSan)])];
  if (names.length > TLS_SANS_MAX) throw new InvalidArgumentError(`Use at most ${TLS_SANS_MAX} names.`);
  return names;
}

/** They travel in every TLS handshake. */
const TLS_SANS_MAX = 100;

function tlsSan(text: string): string {
  const address = parseIp(text);
  if (address !== undefined) return formatIp(address);
  const name = text.toLowerCase();
  const [problem] = dnsSubdomainProblems(name.replace(/^\*\./, ''));
  if (problem !== undefined || /^[\d.]*$/.test(name))
    throw new InvalidArgumentError(
      `"${text}" can be in no certificate: use names and addresses, like api.example.com or 203.0.113.7.`,
    );
  return name;
}

/** A whole number of at least 1. */
export function count(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new InvalidArgumentError('Use a whole number of at least 1.');
  return Number(text);
}

/** A whole number of at least 0. */
export function amount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Use a whole number of at least 0.');
  return Number(text);
}

/** A whole number, below zero too: `-1` means "not given" to kubectl. */
export function seconds(text: string): number {
  if (!/^-?\d{1,9}$/.test(text)) throw new InvalidArgumentError('Use a whole number of seconds.');
  return Number(text);
}

/** Of an option that may be given again. */
export function texts(text: string, before: readonly string[] = []): readonly string[] {
  return [...before, text];
}

/** `HOST:PORT`, `:PORT`, `[v6]:PORT`. */
export function hostPort(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new InvalidArgumentError('Use HOST:PORT, like 0.0.0.0:6443.');
  const host = match[1] ?? match[2] ?? '';
  return { host: host === '' ? '0.0.0.0' : host, port };
}

export const clusterCidr = (text: string): string => unlessWrong(text, clusterCidrProblem(text));

export const serviceCidr = (text: string): string => unlessWrong(text, serviceCidrProblem(text));

/** Without a dot at its end. */
export function clusterDomain(text: string): string {
  const name = text.replace(/\.$/, '');
  return unlessWrong(name, clusterDomainProblem(name));
}

function unlessWrong(text: string, problem: string | undefined): string {
  if (problem !== undefined) throw new InvalidArgumentError(`${problem}.`);
  return text;
}

/** `a=b,c=d` → { a: 'b', c: 'd' }. */
function pairs(text: string): Readonly<Record<string, string>> {
  const entries = text.split(',').map((pair) => {
    const at = pair.indexOf('=');
    if (at < 1) throw new InvalidArgumentError(`"${pair}" has no key and value: use key=value,key=value.`);
    return [pair.slice(0, at), pair.slice(at + 1)] as const;
  });
  return Object.fromEntries(entries);
}

/** What a node offers at most: `cpu=2,memory=512Mi`. */
export function capacity(text: string): Readonly<Record<string, string>> {
  const given = pairs(text);
  const wrong = Object.keys(given).find((key) => !['cpu', 'memory', 'ephemeral-storage', 'pods'].includes(key));
  if (wrong !== undefined)
    throw new InvalidArgumentError(`"${wrong}" can not be capped: use cpu, memory, ephemeral-storage or pods.`);
  for (const [key, amount] of Object.entries(given)) {
    const quantity = tryParseQuantity(amount);
    if (quantity === undefined || compareQuantities(quantity, ZERO_QUANTITY) < 0)
      throw new InvalidArgumentError(
        `"${key}=${amount}" is no amount: use a Kubernetes quantity, like cpu=500m or memory=512Mi.`,
      );
    if (key === 'pods' && compareQuantities(quantity, quantityOf(quantityValue(quantity))) !== 0)
      throw new InvalidArgumentError(`"${key}=${amount}" is no number of pods.`);
  }
  return given;
}

/** What Kubernetes takes as labels: `site=harbour,example.com/rack=`. */
export function labels(text: string): Readonly<Record<string, string>> {
  const given = pairs(text);
  for (const [key, value] of Object.entries(given)) {
    const [problem] = [...qualifiedNameProblems(key), ...labelValueProblems(value)];
    if (problem !== undefined) throw new InvalidArgumentError(`"${key}=${value}" is no label: ${problem}.`);
  }
  return given;
}

export function httpsUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:') throw new InvalidArgumentError('Use an https URL, like https://server.example:6443.');
  const more = `${url.pathname}${url.search}${url.hash}`;
  if (more !== '/' || url.username !== '' || url.password !== '')
    throw new InvalidArgumentError(
      `A server is a host and a port, with no ${more === '/' ? 'user name' : `path (${more})`}: use https://${url.host}.`,
    );
  // An origin leaves out the port that https has anyway, and without one the server's own is meant.
  return /:443\/*$/.test(text) ? `${url.origin}:443` : url.origin;
}

/** Throws what tells no password, where commander would show the whole value. */
export const proxy = (text: string): Proxy => parseProxy(text, 'the settings');

export function logLevel(text: string): LogLevel {
  const level = LOG_LEVELS.find((known) => known === text);
  if (level === undefined) throw new InvalidArgumentError(`Use one of ${LOG_LEVELS.join(', ')}.`);
  return level;
}

/** `unix:///run/docker.sock` → the socket's path. */
export function unixSocket(text: string): string {
  const match = /^unix:\/\/(\/.+)$/.exec(text);
  if (match === null) throw new InvalidArgumentError('Use a socket like unix:///run/docker.sock.');
  return match[1] ?? '';
}
