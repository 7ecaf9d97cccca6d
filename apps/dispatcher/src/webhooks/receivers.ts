/** Where deliveries to registered endpoints go, and what their ends mean for the endpoint and are remembered of them. */
import { randomBytes } from 'node:crypto';
import { makeId } from '@sluice/job';
import type { WebhookEndpoint, WebhookEvent } from '@sluice/job';
import { disableEndpoint, noteAttempt, readEndpoint, updateEndpoint } from '@sluice/ledger';
import type { DeliveryAttempt, DeliveryStatus, Ledger } from '@sluice/ledger';
import { afterDelivery, liveSecrets } from '@sluice/webhooks';
import type { DeliveryEnd } from '@sluice/webhooks';
import type { DeliveryData } from '@sluice/queues';
import type { AttemptResult } from './follow.ts';

/** Where a delivery goes now, and what it is signed with. */
export interface Receiver {
  url: string;
  secrets: readonly string[];
}

export interface ReceiverPorts {
  ledger: Ledger;
  now: () => number;
  /** What deliveries to a `webhook_url` are signed with. */
  secret: string;
  /** How long deliveries to endpoints are remembered, ms. */
  keepMs: number;
  /** An endpoint gets no more. */
  onDisabled: (endpoint: { endpoint: string; tenant: string; reason: string }) => void;
}

/** An attempt that was made, and what follows it. */
export interface Attempted {
  result: AttemptResult;
  startedAt: number;
  tookMs: number;
  /** When the next is due, ms; null = this was the last. */
  nextAt: number | null;
}

export class Receivers {
  readonly #ports: ReceiverPorts;

  constructor(ports: ReceiverPorts) {
    this.#ports = ports;
  }

  /** Null: it is to be told no more. */
  async of({ event, to }: DeliveryData): Promise<Receiver | null> {
    const { ledger, now, secret } = this.#ports;
    if (to === undefined) return event.url === null ? null : { url: event.url, secrets: [secret] };
    const endpoint = await readEndpoint(ledger, to.endpoint);
    if (endpoint === null || endpoint.status === 'disabled') return null;
    return { url: endpoint.url, secrets: liveSecrets(endpoint, now()) };
  }

  /** Remembers an attempt at an endpoint, and what it says of the endpoint. */
  async note({ to, firstAt }: DeliveryData, attempted: Attempted): Promise<void> {
    if (to === undefined) return;
    const { ledger, keepMs } = this.#ports;
    await noteAttempt(ledger, to.delivery, {
      attempt: attemptOf(attempted),
      status: statusOf(attempted),
      nextAt: attempted.nextAt,
      keepMs,
    });
    const kind = endOf(attempted);
    if (kind === null) return;
    await this.#judge(to.endpoint, { kind, firstAt: firstAt ?? attempted.startedAt });
  }

  async #judge(id: string, end: DeliveryEnd): Promise<void> {
    const { ledger, now, onDisabled } = this.#ports;
    const endpoint = await readEndpoint(ledger, id);
    if (endpoint === null) return;
    const { status, disabledReason, failingSince } = afterDelivery(endpoint, end, now());
    if (failingSince !== endpoint.failingSince) await updateEndpoint(ledger, id, { failingSince });
    if (status === endpoint.status) return;
    const reason = disabledReason ?? '';
    const event = disabledEvent(endpoint, now());
    if (await disableEndpoint(ledger, id, { reason, event }))
      onDisabled({ endpoint: id, tenant: endpoint.tenant, reason });
  }
}

/** The tenant's other endpoints may listen for it. */
const disabledEvent = ({ id, tenant }: WebhookEndpoint, at: number): WebhookEvent => ({
  id: makeId('evt', randomBytes(16)),
  type: 'webhook_endpoint.disabled',
  url: null,
  subject: id,
  at,
  tenant,
});

function attemptOf({ result, startedAt, tookMs }: Attempted): DeliveryAttempt | null {
  if (result.kind === 'dropped') return null;
  const statusCode =
    result.kind === 'gone' ? 410 : 'status' in result ? (result.status ?? null) : null;
  return { at: startedAt, tookMs, statusCode, error: errorOf(result) };
}

function errorOf(result: AttemptResult): string | null {
  if (result.kind === 'delivered') return null;
  if (result.kind === 'throttled') return `asked for less: ${result.status}`;
  return 'reason' in result ? result.reason : result.kind;
}

function statusOf({ result, nextAt }: Attempted): DeliveryStatus {
  if (result.kind === 'delivered') return 'delivered';
  if (result.kind === 'dropped') return 'dropped';
  return nextAt === null ? 'failed' : 'pending';
}

/** What it says of the endpoint; null = nothing. */
function endOf({ result, nextAt }: Attempted): DeliveryEnd['kind'] | null {
  if (result.kind === 'delivered' || result.kind === 'gone') return result.kind;
  if (result.kind === 'dropped') return null;
  return nextAt === null && result.kind !== 'refused' ? 'given_up' : 'failed';
}
