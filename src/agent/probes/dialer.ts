import { unreachable } from '#lib/assert.ts';
import type { Clock } from '#lib/clock.ts';
import { grpcCheck } from './grpc-check.ts';
import { httpGet } from './http-get.ts';
import type { NetworkProbe } from './probe-request.ts';
import type { ProbeOutcome } from './probe-state.ts';
import { tcpConnect } from './tcp-connect.ts';

/** Probes over the network, from this process's own: the door that tests replace. Never rejects; once `signal` aborts, the outcome is `unknown`. */
export type ProbeDialer = (request: NetworkProbe, timeoutMs: number, signal: AbortSignal) => Promise<ProbeOutcome>;

export function createProbeDialer(clock: Pick<Clock, 'timer'>): ProbeDialer {
  return async (request, timeoutMs, signal) => {
    switch (request.type) {
      case 'http':
        return httpGet(request, timeoutMs, clock, signal);
      case 'tcp':
        return tcpConnect(request, timeoutMs, clock, signal);
      case 'grpc':
        return grpcCheck(request, timeoutMs, clock, signal);
      default:
        return unreachable(request);
    }
  };
}
