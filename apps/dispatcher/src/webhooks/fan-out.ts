/** From an event of the outbox to the entries that tell it: to its own `webhook_url`, and to each endpoint that listens. */
import type { WebhookEvent } from '@sluice/job';
import { endpointsOf, openDelivery } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { isListening } from '@sluice/webhooks';
import { deliveryEntry } from '@sluice/queues';
import type { DeliveryEntry } from '@sluice/queues';

export interface FanOutPorts {
  ledger: Ledger;
  now: () => number;
  /** How long deliveries to endpoints are remembered, ms. */
  keepMs: number;
}

/** Entries in the order of the events. The same events again give the same entries. */
export async function fanOut(
  { ledger, now, keepMs }: FanOutPorts,
  events: readonly WebhookEvent[],
): Promise<DeliveryEntry[]> {
  const tenants = [...new Set(events.flatMap(({ tenant }) => tenant ?? []))];
  const all = await Promise.all(tenants.map((tenant) => endpointsOf(ledger, tenant)));
  const endpoints = new Map(tenants.map((tenant, i) => [tenant, all[i] ?? []]));
  const entries = events.map(async (event) => {
    const direct = event.url === null ? [] : [deliveryEntry(event)];
    const listening = (endpoints.get(event.tenant ?? '') ?? []).filter((one) =>
      isListening(one, event),
    );
    const registered = listening.map(async ({ id: endpoint }) => {
      const delivery = await openDelivery(ledger, { endpoint, event, now: now(), keepMs });
      return deliveryEntry(event, { endpoint, delivery });
    });
    return [...direct, ...(await Promise.all(registered))];
  });
  return (await Promise.all(entries)).flat();
}
