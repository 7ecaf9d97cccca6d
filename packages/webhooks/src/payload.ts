/**
 * Event bodies, as the exact text that is signed and sent. One shape for both worlds: OpenAI's event object
 * (`object`, `created_at`) and Standard Webhooks' (`type`, `timestamp`, `data`); each SDK ignores the other's extras.
 */
import type { WebhookEndpoint, WebhookEvent } from '@sluice/job';

/** A job larger than this when serialised is sent without its result, with a link instead. */
export const MAX_JOB_BYTES = 256 * 1024;

type Head = Pick<WebhookEvent, 'id' | 'type' | 'at'>;

/**
 * Tells that a job has ended: the whole job, or above {@link MAX_JOB_BYTES} what `withoutResult` gives: the job with
 * `url`, where it is. Both are JSON text already, so that answers pass through unread.
 */
export function jobEventBody(event: Head, whole: string, withoutResult: () => string): string {
  const fits = Buffer.byteLength(whole) <= MAX_JOB_BYTES;
  return envelope(event, fits ? whole : withoutResult());
}

/** Tells that a batch has ended: thin, as OpenAI's; the receiver asks for what it wants to know. */
export function batchEventBody(event: Head, batchId: string): string {
  return envelope(event, JSON.stringify({ id: batchId }));
}

/** Tells that an endpoint gets no more, and why. */
export const endpointEventBody = (
  event: Head,
  { id, name, disabledReason }: Pick<WebhookEndpoint, 'id' | 'name' | 'disabledReason'>,
): string => envelope(event, JSON.stringify({ id, name, disabled_reason: disabledReason }));

/** `data` is already JSON: a large job is serialised once. */
function envelope({ id, type, at }: Head, data: string): string {
  const head = JSON.stringify({
    id,
    object: 'event',
    type,
    created_at: Math.floor(at / 1000),
    timestamp: new Date(at).toISOString(),
  });
  return `${head.slice(0, -1)},"data":${data}}`;
}
