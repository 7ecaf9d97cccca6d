/**
 * A receiver that a tenant has registered: what it wants to be told, what its deliveries are signed with, and when it is
 * given up. Pure.
 */
import type { EndpointHealth, EndpointSecret, EventType, WebhookEndpoint } from '@sluice/job';

/** Whether it is to be told of an event of this type. An endpoint is not told of its own end. */
export const isListening = (
  { id, status, eventTypes }: Pick<WebhookEndpoint, 'id' | 'status' | 'eventTypes'>,
  event: { type: EventType; subject: string },
): boolean => status === 'active' && event.subject !== id && eventTypes.includes(event.type);

/** What a delivery is signed with now, the newest first. */
export const liveSecrets = ({ secrets }: Pick<WebhookEndpoint, 'secrets'>, now: number): string[] =>
  secrets.filter(({ until }) => until === null || until > now).map(({ secret }) => secret);

/** How long a rotated secret signs beside the new one, where that is asked for (OpenAI's API). */
export const KEEP_OLD_MS = 24 * 3_600_000;

/** Each makes the signature header of every delivery longer. */
const MOST_SECRETS = 5;

/**
 * The secrets after `secret` became the first of them. With `keepOld` each that still signs keeps the time that it was promised, and the
 * one before this has a day from now; of more than five the oldest ends. Without it all
 * others end at once.
 */
export function rotated(
  { secrets }: Pick<WebhookEndpoint, 'secrets'>,
  { secret, keepOld }: { secret: string; keepOld: boolean },
  now: number,
): EndpointSecret[] {
  const fresh = { secret, until: null };
  if (!keepOld) return [fresh];
  const live = secrets.filter(({ until }) => until === null || until > now);
  const kept = live.map((one) => ({ ...one, until: one.until ?? now + KEEP_OLD_MS }));
  return [fresh, ...kept].slice(0, MOST_SECRETS);
}

/** Enough of a secret to tell it from another one. */
export const hintOf = (secret: string): string => `whsec_…${secret.slice(-4)}`;

/** How an attempt ended, as it bears on the endpoint. */
export interface DeliveryEnd {
  kind: 'delivered' | 'gone' | 'failed' | 'given_up';
  /** When its first attempt was made, ms. */
  firstAt: number;
}

/**
 * The endpoint's health after an attempt. It is disabled by a 410, and by a delivery that went through its whole schedule
 * while no other succeeded (facts: Standard Webhooks; Svix disables after five days of nothing but failures).
 */
export function afterDelivery(
  health: EndpointHealth,
  { kind, firstAt }: DeliveryEnd,
  now: number,
): EndpointHealth {
  if (health.status === 'disabled') return health;
  if (kind === 'delivered') return { ...health, failingSince: null };
  if (kind === 'gone') return disabled(health, 'it answered 410 Gone', now);
  const failingSince = health.failingSince ?? now;
  const nothingElse = health.failingSince !== null && health.failingSince <= firstAt;
  if (kind === 'given_up' && nothingElse)
    return disabled({ ...health, failingSince }, 'every attempt of the schedule failed', now);
  return { ...health, failingSince };
}

const disabled = (health: EndpointHealth, reason: string, now: number): EndpointHealth => ({
  ...health,
  status: 'disabled',
  disabledReason: reason,
  disabledAt: now,
});
