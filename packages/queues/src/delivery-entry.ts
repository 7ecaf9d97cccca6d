/** An entry of the queue `webhooks`: one event on its way to one receiver, through all its attempts. */
import type { WebhookEvent } from '@sluice/job';
import type { JobsOptions } from 'bullmq';

/** A registered endpoint as the receiver, and what remembers the delivery; its address is read when it is made. */
export interface ToEndpoint {
  /** `whe_…` */
  endpoint: string;
  /** `whd_…` */
  delivery: string;
}

export interface DeliveryData {
  event: WebhookEvent;
  /** Absent: the event's own `url` is told. */
  to?: ToEndpoint;
  /** Attempts made. */
  attempt: number;
  /** When the first attempt was made, ms. */
  firstAt?: number;
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

/** Adding the same event for the same receiver twice makes one entry, as long as the entry or its remains are kept. */
export function deliveryEntry(event: WebhookEvent, to?: ToEndpoint): DeliveryEntry {
  return {
    name: event.type,
    data: { event, ...(to && { to }), attempt: 0 },
    opts: { ...OWN_TROUBLE, jobId: to?.delivery ?? event.id },
  };
}

/** The how manieth time a delivery is asked for again makes an entry of its own. */
export function redeliveryEntry(event: WebhookEvent, to: ToEndpoint, count: number): DeliveryEntry {
  const entry = deliveryEntry(event, to);
  return { ...entry, opts: { ...entry.opts, jobId: `${to.delivery}-${count}` } };
}
