import { A, B, FAR, tcp } from '../support/service-world.ts';
import type { ServicePortRules } from '#net/services/service-table.ts';

/** As many services as a node is to bear, for measuring. */
export const SERVICES = 1000;
export const ENDPOINTS = 5;

/** What services-child.ts has measured; in ms. */
export type Programmed = {
  readonly whole: number;
  /** Until the kernel goes by the new rules; until the tool has ended, which waits for the kernel to free the old ones. */
  readonly updates: readonly { readonly committed: number; readonly ended: number }[];
  readonly again: number;
};

export function manyServices(): readonly ServicePortRules[] {
  return Array.from({ length: SERVICES }, (_, at) => oneService(at, 0));
}

/** Each turn has other endpoints. */
export function oneService(at: number, turn: number): ServicePortRules {
  const backends = Array.from({ length: ENDPOINTS }, (_, index) => ({
    address: [A, B, FAR][index % 3]?.address ?? '',
    port: 10_000 + index + turn,
  }));
  return tcp(backends, { key: `default/service-${at}`, clusterIp: `10.96.${1 + (at >> 8)}.${at & 255}` });
}
