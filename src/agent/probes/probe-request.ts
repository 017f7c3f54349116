import type { Container, Probe } from '#api/generated/types.ts';
import { expand } from '../render/expand.ts';

/** What one try of a probe is to do, of the probe as it is written. Pure. */
export type ProbeRequest = ExecProbe | NetworkProbe;

export type ExecProbe = { readonly type: 'exec'; readonly command: readonly string[] };

export type NetworkProbe = HttpProbe | TcpProbe | GrpcProbe;

export type HttpProbe = {
  readonly type: 'http';
  readonly scheme: 'http' | 'https';
  readonly host: string;
  readonly port: number;
  /** With its query; begins with a slash. */
  readonly path: string;
  readonly headers: readonly { readonly name: string; readonly value: string }[];
};

export type TcpProbe = { readonly type: 'tcp'; readonly host: string; readonly port: number };

export type GrpcProbe = { readonly type: 'grpc'; readonly host: string; readonly port: number; readonly service: string };

/** Why a probe can not be tried at all. */
export type Impossible = { readonly type: 'impossible'; readonly message: string };

export function probeRequest(probe: Probe, container: Container, address: string | undefined): ProbeRequest | Impossible {
  const { exec, httpGet, tcpSocket, grpc } = probe;
  if (exec !== undefined) return { type: 'exec', command: commandOf(exec.command ?? [], container) };
  const at = (host: string | undefined, port: number | string): { readonly host: string; readonly port: number } | string => {
    const where = host === undefined || host === '' ? address : host;
    if (where === undefined) return 'the pod has no address';
    const number = portNumber(port, container);
    return typeof number === 'string' ? number : { host: where, port: number };
  };
  if (httpGet !== undefined) {
    const target = at(httpGet.host, httpGet.port);
    if (typeof target === 'string') return impossible(target);
    const scheme = httpGet.scheme?.toLowerCase() === 'https' ? 'https' : 'http';
    return { type: 'http', scheme, ...target, path: pathOf(httpGet.path ?? '/'), headers: httpGet.httpHeaders ?? [] };
  }
  if (tcpSocket !== undefined) {
    const target = at(tcpSocket.host, tcpSocket.port);
    return typeof target === 'string' ? impossible(target) : { type: 'tcp', ...target };
  }
  if (grpc !== undefined) {
    const target = at(undefined, grpc.port);
    return typeof target === 'string' ? impossible(target) : { type: 'grpc', ...target, service: grpc.service ?? '' };
  }
  return impossible('it names no handler that is known');
}

function impossible(message: string): Impossible {
  return { type: 'impossible', message };
}

/** Upstream expands probes' commands by the values that stand in the spec alone. */
function commandOf(command: readonly string[], { env = [] }: Container): readonly string[] {
  const values = new Map(env.map(({ name, value }) => [name, value]));
  return command.map((word) => expand(word, (name) => values.get(name)));
}

const PORT_MAX = 65_535;

/** The number, or why there is none. */
function portNumber(port: number | string, { ports = [] }: Container): number | string {
  const named = typeof port === 'string' ? ports.find(({ name }) => name === port)?.containerPort : port;
  const number = named ?? (/^\d{1,5}$/.test(String(port)) ? Number(port) : undefined);
  if (number === undefined) return `couldn't find port named ${JSON.stringify(port)}`;
  return number > 0 && number <= PORT_MAX ? number : `invalid port number: ${number}`;
}

/** As it goes over the wire: without its fragment, and with nothing in it that would end a line. */
function pathOf(written: string): string {
  const [path = ''] = written.split('#');
  const escaped = path.replaceAll(/[^\u0021-\u007e]/gu, (character) => encodeURIComponent(character.toWellFormed()));
  return escaped.startsWith('/') ? escaped : `/${escaped}`;
}
