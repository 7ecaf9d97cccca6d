/** Reads an event as it travels from the ledger's outbox to a delivery. */
import { EVENT_TYPES, isId } from '@sluice/job';
import type { EventType, WebhookEvent } from '@sluice/job';

const TYPES: ReadonlySet<unknown> = new Set(EVENT_TYPES);

/** Reads the `event` field of an outbox entry; null for what is no event of ours. */
export function parseEvent(text: string): WebhookEvent | null {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || value === null) return null;
  const { id, type, url = null, subject, at, tenant = null } = value as Record<string, unknown>;
  if (typeof id !== 'string' || !isId('evt', id) || !TYPES.has(type)) return null;
  if (!isTextOrNull(url) || !isTextOrNull(tenant) || typeof subject !== 'string') return null;
  if (url === null && tenant === null) return null;
  if (typeof at !== 'number' || !Number.isFinite(at)) return null;
  return { id, type: type as EventType, url, subject, at, tenant };
}

const isTextOrNull = (value: unknown): value is string | null =>
  value === null || typeof value === 'string';
