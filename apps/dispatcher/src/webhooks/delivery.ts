/**
 * Delivers what stands on the queue `webhooks`. An entry goes back to the queue, delayed, until its event is
 * delivered or there is no point in going on; the event's id stays the same, so a receiver can drop repeats, and
 * repeats there are: after a crash between the answer and its note, a delivery is made again.
 */
import { QUEUES, openWorker } from '@sluice/queues';
import { signHeaders } from '@sluice/webhooks';
import type { WebhookEvent } from '@sluice/job';
import type { Deliverer } from '@sluice/webhooks';
import { DelayedError, UnrecoverableError } from 'bullmq';
import type { Job } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeliveryData, DeliveryReturn } from '@sluice/queues';
import { follow } from './follow.ts';
import type { AttemptResult, Following } from './follow.ts';
import type { Attempted, Receiver } from './receivers.ts';
import { Lanes } from './lanes.ts';

/** One attempt, told after it is noted. */
export interface DeliveryReport {
  event: WebhookEvent;
  /** Attempts made, this one included. */
  attempt: number;
  result: AttemptResult;
  /** When the next attempt is due, ms; null when this was the last. */
  nextAt: number | null;
}

export interface DeliveryWorkerOptions {
  /** Of its own kind: its commands wait through an outage. */
  connection: Redis;
  prefix: string;
  deliverer: Pick<Deliverer, 'deliver'>;
  /** What attempts are dated and signed by, ms. */
  now: () => number;
  /** Where it goes now, and what it is signed with: one live secret at least. Null: it is to be told no more. */
  receiverOf: (data: DeliveryData) => Promise<Receiver | null>;
  /** Remembers an attempt before the queue goes on. What it throws is BullMQ's to try again. */
  onAttempt?: (data: DeliveryData, attempted: Attempted) => Promise<void>;
  /** The body, built from the record; null when the record is gone. */
  buildBody: (event: WebhookEvent) => Promise<string | null>;
  /** Must not throw. */
  onResult?: (report: DeliveryReport) => void;
  /** A body, address or secret that could not be had; the attempt counts as failed. */
  onError?: (error: Error, event: WebhookEvent) => void;
  concurrency?: number;
  /** Finished entries kept. Default 1,000. */
  keep?: number;
  /** Waits before each attempt; by default those of Standard Webhooks. */
  delaysMs?: readonly number[];
}

export interface DeliveryWorker {
  /** Ends after the attempts in flight, at most the deliverer's time limit. */
  stop: () => Promise<void>;
}

/** An origin that takes longer than a second gets a quarter of the slots at most. */
const FAST_MS = 1_000;
const LANE_SHARE = 0.25;

type DeliveryJob = Job<DeliveryData, DeliveryReturn>;

export function startDeliveryWorker(options: DeliveryWorkerOptions): DeliveryWorker {
  const { concurrency = 64, keep = 1_000, connection, prefix } = options;
  const width = Math.ceil(concurrency * LANE_SHARE);
  const lanes = new Lanes({ slots: concurrency, width, fastMs: FAST_MS });
  const process = async (job: DeliveryJob, token?: string): Promise<DeliveryReturn> => {
    const lane = laneOf(job.data);
    const [startedAt, enteredAt] = [options.now(), Date.now()];
    const later = lanes.enter(lane, enteredAt);
    if (later !== null) return putOff(job, later, token);
    let result: AttemptResult;
    try {
      result = await tryOnce(job.data, options);
    } finally {
      lanes.leave(lane, enteredAt, Date.now());
    }
    const tookMs = Date.now() - enteredAt;
    return note(job, { result, startedAt, tookMs }, { options, token });
  };
  const worker = openWorker<DeliveryData>(QUEUES.webhooks, process, connection, {
    prefix,
    concurrency,
    keep,
  });
  return { stop: () => worker.close() };
}

/** An endpoint has a lane of its own, other receivers one for each origin; URLs that cannot be parsed share one. */
function laneOf({ event: { url }, to }: DeliveryData): string {
  if (to !== undefined) return to.endpoint;
  return url !== null && URL.canParse(url) ? new URL(url).origin : '';
}

async function tryOnce(
  data: DeliveryData,
  { buildBody, receiverOf, deliverer, now, onError }: DeliveryWorkerOptions,
): Promise<AttemptResult> {
  const { event } = data;
  try {
    const receiver = await receiverOf(data);
    const body = receiver && (await buildBody(event));
    if (receiver === null || body === null) return { kind: 'dropped' };
    const { url, secrets } = receiver;
    const headers = { ...signHeaders({ id: event.id, at: now(), body }, secrets) };
    return await deliverer.deliver({ url, headers, body });
  } catch (error) {
    onError?.(error as Error, event);
    return { kind: 'failed', reason: 'could not be prepared' };
  }
}

interface Noting {
  options: DeliveryWorkerOptions;
  token: string | undefined;
}

/** Writes down how an attempt ended, then tells. Throws what BullMQ reads as "later" and "never". */
async function note(
  job: DeliveryJob,
  made: Omit<Attempted, 'nextAt'>,
  { options, token }: Noting,
): Promise<DeliveryReturn> {
  const { event, to, firstAt = made.startedAt } = job.data;
  const { result } = made;
  const attempt = job.data.attempt + 1;
  const { delaysMs } = options;
  const now = options.now();
  const facts = { attempt, now, random: Math.random, ...(delaysMs && { delaysMs }) };
  const following = follow(result, facts);
  const nextAt = following.kind === 'again' ? following.at : null;
  await options.onAttempt?.(job.data, { ...made, nextAt });
  if (following.kind === 'again') {
    const sent = to === undefined ? {} : { to, firstAt };
    await job.updateData({ event, ...sent, attempt, last: following.last });
    // BullMQ goes by this machine's clock.
    await job.moveToDelayed(Date.now() + following.at - now, token);
  }
  options.onResult?.({ event, attempt, result, nextAt });
  return conclude(following, result, attempt);
}

function conclude(following: Following, result: AttemptResult, attempt: number): DeliveryReturn {
  if (following.kind === 'again') throw new DelayedError();
  if (following.kind === 'end') throw new UnrecoverableError(following.reason);
  return result.kind === 'delivered' ? { status: result.status, attempt } : { dropped: true };
}

async function putOff(job: DeliveryJob, at: number, token?: string): Promise<never> {
  await job.moveToDelayed(at, token);
  throw new DelayedError();
}
