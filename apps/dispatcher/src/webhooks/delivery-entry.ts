/** An entry of the queue `webhooks`: one event on its way to one receiver, through all its attempts. */
import type { WebhookEvent } from '@sluice/webhooks';
import type { JobsOptions } from 'bullmq';

export interface DeliveryData {
  event: WebhookEvent;
  /** Attempts made. */
  attempt: number;
  /** How the last attempt ended, for people who look at the queue. */
  last?: string;
}

/** What a finished entry keeps. */
export type DeliveryReturn = { status: number; attempt: number } | { dropped: true };

/**
 * BullMQ's own attempts are not those of the schedule: they cover what goes wrong between us and Redis, which must
 * never end a delivery. Every half minute for longer than the schedule lasts.
 */
const OWN_TROUBLE = { attempts: 10_000, backoff: { type: 'fixed', delay: 30_000 } };

export interface DeliveryEntry {
  name: string;
  data: DeliveryData;
  opts: JobsOptions & { jobId: string };
}

/** Adding the same event twice makes one entry, as long as the entry or its remains are kept. */
export function deliveryEntry(event: WebhookEvent): DeliveryEntry {
  return {
    name: event.type,
    data: { event, attempt: 0 },
    opts: { ...OWN_TROUBLE, jobId: event.id },
  };
}
