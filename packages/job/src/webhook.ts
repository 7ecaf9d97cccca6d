/**
 * What there is to tell, and to whom. An event carries no body; that is built from the record at delivery, so queues stay
 * small and hold no results.
 */
import type { TerminalStatus } from './job.ts';

const JOB_EVENT_TYPES = [
  'job.succeeded',
  'job.failed',
  'job.cancelled',
  'job.expired',
] as const satisfies readonly `job.${TerminalStatus}`[];

const BATCH_EVENT_TYPES = [
  'batch.completed',
  'batch.failed',
  'batch.expired',
  'batch.cancelled',
] as const;

/** Tells of an endpoint itself, to the tenant's other endpoints. */
const ENDPOINT_EVENT_TYPES = ['webhook_endpoint.disabled'] as const;

/** What an endpoint may ask to be told of. */
export const EVENT_TYPES = [
  ...JOB_EVENT_TYPES,
  ...BATCH_EVENT_TYPES,
  ...ENDPOINT_EVENT_TYPES,
] as const;
export type EventType = (typeof EVENT_TYPES)[number];

export interface WebhookEvent {
  /** `evt_…`: constant over all attempts, so receivers can drop repeats by it. */
  id: string;
  type: EventType;
  /** The `webhook_url` of its job or batch; null = only endpoints are told. */
  url: string | null;
  /** The job or batch that has ended, or the endpoint that was disabled. */
  subject: string;
  /** When it ended, ms. */
  at: number;
  /** Whose it is; its endpoints are told. Null: nobody but `url` is. */
  tenant: string | null;
}

export interface EndpointSecret {
  secret: string;
  /** Signs until then, ms; null = until it is rotated. */
  until: number | null;
}

export interface EndpointHealth {
  status: 'active' | 'disabled';
  /** Why and when it was disabled, ms; null while it is active. */
  disabledReason: string | null;
  disabledAt: number | null;
  /** When the first of the attempts ended that have failed since the last success, ms; null = the last one succeeded. */
  failingSince: number | null;
}

export interface WebhookEndpoint extends EndpointHealth {
  /** `whe_…` */
  id: string;
  tenant: string;
  name: string;
  url: string;
  eventTypes: readonly EventType[];
  createdAt: number;
  updatedAt: number | null;
  /** The newest first; one at least. */
  secrets: readonly EndpointSecret[];
}
