import { layoutIn } from '#install/layout.ts';
import { hostPort } from '#lib/host-port.ts';
import type { Proxied, ServerFacts } from '../facts/server-facts.ts';
import { ok, problem, warning, type Verdict } from '../finding.ts';
import type { ServerProbe } from '../outside/probe-server.ts';

/** The way to the server, as a node goes it: name, TCP, TLS with the pinned key; through a proxy where the settings name one. */
export function judgeServer(facts: ServerFacts): readonly Verdict[] {
  if (facts.type === 'none') return [ok('no server is named, and this machine has joined none: nothing to reach')];
  if (facts.type === 'bad') return [problem(facts.why, 'Give it as https://HOST:6443')];
  const { server, direct, proxied, pins } = facts;
  const where = hostPort(server);
  if (proxied?.isSet === true) return judgeSetProxy(where, proxied, direct, pins);
  return [
    ...(direct.type === 'reached' ? judgeReached(where, direct, pins) : [unreached(where, server.port, direct, proxied)]),
    ...(proxied === undefined ? [] : judgeOtherProxy(proxied, direct)),
  ];
}

type Reached = Extract<ServerProbe, { readonly type: 'reached' }>;
type Failed = Extract<ServerProbe, { readonly type: 'failed' }>;

/** The settings name it: the node goes by nothing else. */
function judgeSetProxy(
  where: string,
  { name, probe }: Proxied,
  direct: ServerProbe,
  pins: readonly string[],
): readonly Verdict[] {
  if (probe.type === 'reached') return judgeReached(`${where} through the proxy ${name}, as the settings say,`, probe, pins);
  const what = `the server is not reached by the proxy of the settings: ${probe.why}`;
  if (direct.type === 'reached')
    return [problem(what, `It is reached straight: take "proxy" out of ${CONFIG_FILE}, or mend the proxy.`)];
  if (probe.type === 'failed' && probe.step === 'tls') return [problem(what, NO_SERVER)];
  return [
    problem(
      what,
      'Is it the right proxy, does it allow CONNECT to that port, and does the server run? Pods that are here run on meanwhile.',
    ),
  ];
}

const NO_SERVER = 'Is the port right? Something between may break TLS open: a node refuses that.';
const CONFIG_FILE = layoutIn('/').config;

/** Hours of links over satellites are longer than this; what takes longer is seen in every command. */
const SLOW_MS = 2_000;

function judgeReached(where: string, { nameMs, tcpMs, tlsMs, keyHash }: Reached, pins: readonly string[]): readonly Verdict[] {
  const steps = [
    ...(nameMs === undefined ? [] : [`name ${tidy(nameMs)} ms`]),
    `TCP ${tidy(tcpMs)} ms`,
    `TLS ${tidy(tlsMs)} ms`,
  ].join(', ');
  if (pins.length > 0 && (keyHash === undefined || !pins.includes(keyHash)))
    return [
      problem(
        `what answers at ${where} has the key ${keyHash ?? 'none'}, not one that this node pinned when it joined`,
        'Either another server stands there now, or somebody stands between. If the server was made anew on purpose, stop the agent and join again with a token: systemctl stop skerry-agent; skerry reset --force; skerry install agent --server URL --token-file FILE',
      ),
    ];
  const known = pins.length > 0 ? ', with the key that was pinned' : '';
  const told = `${where} answers${known}: ${steps}`;
  if ((nameMs ?? 0) + tcpMs + tlsMs > SLOW_MS)
    return [warning(`${told}: slow`, 'A slow link is all right for pods; on a metered or slow one use --keepalive 240s.')];
  return [ok(told)];
}

function unreached(where: string, port: number, { step, why }: Failed, proxied: Proxied | undefined): Verdict {
  if (proxied?.probe.type === 'reached')
    return problem(
      `${where} can be reached through the proxy ${proxied.name} only (straight: ${why}), which HTTPS_PROXY names here, but a node goes by its settings alone`,
      `Write it into ${CONFIG_FILE} as  proxy: ${proxied.setting}  (before a join: skerry install agent --proxy ${proxied.setting} …), then: systemctl restart skerry-agent`,
    );
  switch (step) {
    case 'name':
      return problem(
        `the server's name can not be resolved: ${why}`,
        'See /etc/resolv.conf and whether its nameservers answer, or use the address in --server.',
      );
    case 'tcp':
      return problem(
        `no connection to ${where}: ${why}`,
        `Is the server running, and is TCP ${port} let in there (skerry doctor on the server says) and out here? Pods that are here run on meanwhile.`,
      );
    case 'tls':
    case 'proxy':
      return problem(`${where} answers, but not as a server: ${why}`, NO_SERVER);
  }
}

/** One that only the environment of whoever asks names. */
function judgeOtherProxy({ name, probe }: Proxied, direct: ServerProbe): readonly Verdict[] {
  switch (probe.type) {
    case 'reached':
      return direct.type === 'reached' ? [ok(`through the proxy ${name} too: ${tidy(probe.tcpMs + probe.tlsMs)} ms`)] : [];
    case 'unusable':
      return [warning(`HTTPS_PROXY can not be used: ${probe.why}`, 'Write it as http://HOST:PORT, or unset it.')];
    case 'failed':
      return [
        warning(
          `the server is not reached by the proxy of HTTPS_PROXY: ${probe.why}`,
          'Commands that are run here go by it: allow CONNECT to the server there, or name it in NO_PROXY.',
        ),
      ];
  }
}

const tidy = (ms: number): string => (ms < 10 ? ms.toFixed(1) : String(Math.round(ms)));
