/**
 * What there is to tell: the event as it travels from the ledger's outbox to a delivery. It carries no body; the
 * body is built from the record at delivery, so queues stay small and hold no results.
 */
import { isId } from '@sluice/job';
import type { TerminalStatus } from '@sluice/job';

export const JOB_EVENT_TYPES = [
  'job.succeeded',
  'job.failed',
  'job.cancelled',
  'job.expired',
] as const satisfies readonly `job.${TerminalStatus}`[];
export type JobEventType = (typeof JOB_EVENT_TYPES)[number];

export const BATCH_EVENT_TYPES = [
  'batch.completed',
  'batch.failed',
  'batch.expired',
  'batch.cancelled',
] as const;
export type BatchEventType = (typeof BATCH_EVENT_TYPES)[number];

export type EventType = JobEventType | BatchEventType;

export interface WebhookEvent {
  /** `evt_…`: constant over all attempts, so receivers can drop repeats by it. */
  id: string;
  type: EventType;
  url: string;
  /** The job or batch that has ended. */
  subject: string;
  /** When it ended, ms. */
  at: number;
}

const TYPES = new Set<unknown>([...JOB_EVENT_TYPES, ...BATCH_EVENT_TYPES]);

/** Reads the `event` field of an outbox entry; null for what is no event of ours. */
export function parseEvent(text: string): WebhookEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { id, type, url, subject, at } = value as Record<string, unknown>;
  if (typeof id !== 'string' || !isId('evt', id) || !TYPES.has(type)) return null;
  if (typeof url !== 'string' || typeof subject !== 'string') return null;
  if (typeof at !== 'number' || !Number.isFinite(at)) return null;
  return { id, type: type as EventType, url, subject, at };
}
