/** Webhooks of this process: the relay from the ledger's outbox to the queue, and the workers that deliver. */
import type { Queue } from 'bullmq';
import { randomBytes } from 'node:crypto';
import type { Redis } from 'ioredis';
import type { Settings } from '@sluice/config';
import { connectRedis, jobText, readEndpoint, readJobHead } from '@sluice/ledger';
import type { Ledger } from '@sluice/ledger';
import { QUEUES } from '@sluice/queues';
import {
  MAX_JOB_BYTES,
  batchEventBody,
  createDeliverer,
  endpointEventBody,
  jobEventBody,
  makeSecret,
} from '@sluice/webhooks';
import type { WebhookEvent } from '@sluice/job';
import type { DispatcherEvents } from './events.ts';
import type { DeliveryData } from '@sluice/queues';
import { fanOut } from './webhooks/fan-out.ts';
import { Receivers } from './webhooks/receivers.ts';
import { startDeliveryWorker } from './webhooks/delivery.ts';
import { startOutboxRelay } from './webhooks/relay.ts';

export interface WebhookPorts {
  redis: Redis;
  redisUrl: string;
  ledger: Ledger;
  prefix: string;
  settings: Settings;
  queue: <Data>(name: string) => Queue<Data>;
  events: DispatcherEvents;
  /** ms. */
  now: () => number;
}

export async function startWebhooks(ports: WebhookPorts): Promise<{ stop: () => Promise<void> }> {
  const { redis, ledger, prefix, settings, events, now } = ports;
  const keepMs = settings.webhooks.keepDeliveriesMs;
  const secret = settings.webhooks.secret ?? (await generatedSecret(ledger));
  const deliverer = createDeliverer(settings.webhooks);
  const onError = (error: Error): void =>
    events.failed({ what: 'delivering webhooks', error: String(error) });
  const relay = startOutboxRelay({
    redis,
    prefix,
    queue: ports.queue<DeliveryData>(QUEUES.webhooks),
    fanOut: (found) => fanOut({ ledger, now, keepMs }, found),
    onError,
  });
  const receivers = new Receivers({
    ledger,
    now,
    secret,
    keepMs,
    onDisabled: events.endpointDisabled,
  });
  const connection = connectRedis(ports.redisUrl, 'background');
  const worker = startDeliveryWorker({
    connection,
    prefix,
    deliverer,
    now,
    receiverOf: (data) => receivers.of(data),
    onAttempt: (data, attempted) => receivers.note(data, attempted),
    buildBody: (event) => bodyOf(ledger, event),
    onError,
    onResult: ({ event, attempt, result }) =>
      events.webhook({ event: event.id, type: event.type, attempt, result: result.kind }),
  });
  return {
    stop: async () => {
      await Promise.all([relay.stop(), worker.stop()]);
      await deliverer.close();
      connection.disconnect();
    },
  };
}

/** Without `webhooks.secret` one is made once and kept for the life of the installation. */
async function generatedSecret({ redis, keys }: Ledger): Promise<string> {
  // Asked first: a full Redis still answers.
  const known = await redis.get(keys.webhookSecret);
  if (known !== null) return known;
  await redis.set(keys.webhookSecret, makeSecret(randomBytes(32)), 'NX');
  return (await redis.get(keys.webhookSecret)) as string;
}

async function bodyOf(ledger: Ledger, event: WebhookEvent): Promise<string | null> {
  if (event.type.startsWith('batch.')) return batchEventBody(event, event.subject);
  if (event.type === 'webhook_endpoint.disabled') return endpointBody(ledger, event);
  const job = await readJobHead(ledger, event.subject, { upTo: MAX_JOB_BYTES });
  if (job === null) return null;
  const without = { ...job, result: job.result && { ...job.result, body: null } };
  return jobEventBody(event, jobText(job), () => jobText(without));
}

async function endpointBody(ledger: Ledger, event: WebhookEvent): Promise<string | null> {
  const endpoint = await readEndpoint(ledger, event.subject);
  return endpoint && endpointEventBody(event, endpoint);
}
