/** Errors of sockets in the words that users of Kubernetes know from the events of their probes. */

const CALLS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connect: connection refused',
  EHOSTUNREACH: 'connect: no route to host',
  ENETUNREACH: 'connect: network is unreachable',
  ETIMEDOUT: 'connect: connection timed out',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'temporary failure in name resolution',
};

export function dialText(host: string, port: number, error: Error): string {
  const code = codeOf(error);
  const known = CALLS[code];
  if (known !== undefined) return `dial tcp ${host}:${port}: ${known}`;
  if (code === 'ECONNRESET') return error.message === 'socket hang up' ? 'EOF' : 'read: connection reset by peer';
  return error.message === '' ? code : error.message;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}
