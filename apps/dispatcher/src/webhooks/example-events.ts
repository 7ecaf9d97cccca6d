/** Events for the tests of this folder, written as the ledger writes them. */
import { randomBytes } from 'node:crypto';
import { makeKeys } from '@sluice/ledger';
import { makeId, makeSiblingId, slotOf } from '@sluice/job';
import type { WebhookEvent } from '@sluice/job';
import type { Redis } from 'ioredis';

export const PREFIX = 'test';

export function exampleEvent(url: string, type: WebhookEvent['type'] = 'job.succeeded') {
  const subject = makeId(type.startsWith('job.') ? 'job' : 'batch', randomBytes(16));
  const id = makeSiblingId('evt', subject, randomBytes(16));
  return { id, type, url, subject, at: Date.now(), tenant: null } satisfies WebhookEvent;
}

export const outboxOf = (event: WebhookEvent): string =>
  makeKeys(PREFIX).outbox(slotOf(event.subject));

export async function writeToOutbox(redis: Redis, ...events: WebhookEvent[]): Promise<void> {
  for (const event of events) {
    await redis.xadd(outboxOf(event), '*', 'event', JSON.stringify(event));
  }
}
