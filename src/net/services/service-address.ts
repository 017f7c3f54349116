import type { Command } from '../wire/command.ts';
import { SERVICE_ROUTES } from '../wire/rules.ts';
import type { ServiceTable } from './service-table.ts';

/**
 * The node's own address for services, and a route of the services' network: without one, a node that has no default route (no DHCP, say) can not
 * even begin a connection to a service. Where rules lead a packet, it is routed anew; others go no further than lo.
 */
const METRIC_WORST = '4294967295';

/** Both are made where they are missing, and harmless where they stand. Of scope host: masquerading must never choose it for other nodes. */
export async function ensureServiceAddress(
  run: Command,
  table: Pick<ServiceTable, 'address' | 'serviceCidr'>,
  signal: AbortSignal,
): Promise<void> {
  await run('ip', ['-batch', '-'], addressBatch(table), signal);
}

function addressBatch({ address, serviceCidr }: Pick<ServiceTable, 'address' | 'serviceCidr'>): string {
  return [
    `addr replace ${address}/32 dev lo scope host`,
    `route replace ${serviceCidr} dev lo src ${address} metric ${METRIC_WORST} proto ${SERVICE_ROUTES}`,
    '',
  ].join('\n');
}
