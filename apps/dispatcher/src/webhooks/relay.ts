/**
 * Carries events from the ledger's outbox to the queue `webhooks`, each at least once: an entry leaves the outbox
 * only when the queue has it, and the queue takes an event that comes twice for the one it has. Any number of relays
 * may run; what a dead one held, another claims.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type { WebhookEvent } from '@sluice/job';
import { parseEvent } from '@sluice/webhooks';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { blockingOn, makeKeys, readTogether } from '@sluice/ledger';
import { deliveryEntry, redeliveryEntry } from '@sluice/queues';
import type { DeliveryData, DeliveryEntry } from '@sluice/queues';
import {
  claimIdle,
  createGroups,
  finish,
  forgetConsumers,
  isGroupMissing,
  readNew,
  readUnseen,
} from './outbox.ts';
import type { OutboxEntry, OutboxReader } from './outbox.ts';

export interface OutboxRelayOptions {
  /** Where the ledger is. Blocking connections of its own are made from it. */
  redis: Redis;
  prefix: string;
  /** The queue `webhooks`. */
  queue: Pick<Queue<DeliveryData>, 'addBulk'>;
  /** The entries that tell of these events, in their order; the same again for the same. Default: to their own URL. */
  fanOut?: (events: readonly WebhookEvent[]) => Promise<DeliveryEntry[]>;
  /** Somebody who has held an entry for this long is taken for dead. Default 10,000. */
  claimIdleMs?: number;
  /** Trouble that the relay lives through, and entries that are no events, which it drops. */
  onError?: (error: Error) => void;
}

export interface OutboxRelay {
  /** Finishes what is in hand, then ends; at most one claim interval while Redis is away. */
  stop: () => Promise<void>;
}

/** How long one blocking read lasts: long enough to be rare, short enough to notice a connection that died silently. */
const BLOCK_MS = 2_000;
const PAUSE_AFTER_ERROR_MS = 200;
const FORGET_AFTER_MS = 3_600_000;

export function startOutboxRelay(options: OutboxRelayOptions): OutboxRelay {
  const { outbox } = makeKeys(options.prefix);
  const runs = readTogether(options.redis).map((slots) => new RelayRun(options, slots.map(outbox)));
  return {
    stop: async () => {
      await Promise.all(runs.map((run) => run.stop()));
    },
  };
}

/** One loop over streams that are read together: claim what the dead left, or read what is new; pass it on. */
class RelayRun {
  readonly #options: OutboxRelayOptions;
  readonly #reader: OutboxReader;
  readonly #claimIdleMs: number;
  readonly #stopping = new AbortController();
  readonly #ended: Promise<void>;
  #reading = false;
  #claimAt = 0;
  /** The connection broke: a reply may have been lost on it. */
  #broken = false;

  constructor(options: OutboxRelayOptions, keys: string[]) {
    this.#options = options;
    this.#claimIdleMs = options.claimIdleMs ?? 10_000;
    this.#reader = {
      redis: blockingOn(options.redis, keys[0] as string),
      keys,
      consumer: randomUUID(),
    };
    this.#reader.redis.on('close', () => {
      this.#broken = true;
    });
    this.#ended = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    const { redis } = this.#reader;
    // What a cut read, or an add that never returns, leaves behind is claimed by another relay.
    if (this.#reading) redis.disconnect();
    const waiting = new AbortController();
    const late = sleep(this.#claimIdleMs, undefined, { signal: waiting.signal });
    await Promise.race([this.#ended, late]);
    waiting.abort();
    redis.disconnect();
  }

  get #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  async #run(): Promise<void> {
    await this.#untilDone(() => createGroups(this.#reader));
    while (!this.#stopped) {
      const entries = await this.#untilDone(() => this.#next());
      if (entries && entries.length > 0) await this.#untilDone(() => this.#pass(entries));
    }
  }

  /** Repeats a step until it succeeds or the relay stops. */
  async #untilDone<T>(step: () => Promise<T>): Promise<T | undefined> {
    for (;;) {
      try {
        return await step();
      } catch (error) {
        if (this.#stopped) return undefined;
        await this.#recover(error as Error);
      }
    }
  }

  async #recover(trouble: Error): Promise<void> {
    this.#options.onError?.(trouble);
    const { signal } = this.#stopping;
    await sleep(PAUSE_AFTER_ERROR_MS, undefined, { signal }).catch(() => undefined);
    if (isGroupMissing(trouble)) await createGroups(this.#reader).catch(() => undefined);
  }

  /** Called with nothing in hand: what stands in this consumer's name, it never saw. */
  async #next(): Promise<OutboxEntry[]> {
    if (this.#broken) {
      this.#broken = false;
      const unseen = await readUnseen(this.#reader);
      if (unseen.length > 0) {
        this.#broken = true; // There may be more.
        return unseen;
      }
    }
    if (Date.now() >= this.#claimAt) {
      const claimed = await claimIdle(this.#reader, this.#claimIdleMs);
      if (claimed.length > 0) return claimed;
      await forgetConsumers(this.#reader, FORGET_AFTER_MS);
      this.#claimAt = Date.now() + this.#claimIdleMs / 2;
    }
    this.#reading = true;
    try {
      return await readNew(this.#reader, Math.min(BLOCK_MS, this.#claimIdleMs));
    } finally {
      this.#reading = false;
    }
  }

  async #pass(entries: OutboxEntry[]): Promise<void> {
    const { fanOut = toOwnUrl, onError } = this.#options;
    const { events, again, unread } = sorted(entries);
    if (unread > 0) onError?.(new Error(`${unread} outbox entries are no events`));
    const wanted = [...(await fanOut(events)), ...again];
    if (wanted.length > 0) {
      const added = await this.#options.queue.addBulk(wanted);
      // BullMQ's addBulk is not all or nothing: an entry it did not take has no id.
      const missing = wanted.findIndex((entry, i) => added[i]?.id !== entry.opts.jobId);
      if (missing >= 0) throw new Error(`the queue did not take ${wanted[missing]?.opts.jobId}`);
    }
    await finish(this.#reader, entries);
  }
}

/** New events, deliveries that were asked for again, and how many entries are neither. */
function sorted(entries: readonly OutboxEntry[]) {
  const events: WebhookEvent[] = [];
  const again: DeliveryEntry[] = [];
  for (const entry of entries) {
    const event = parseEvent(entry.text);
    const [endpoint = '', delivery = '', times = ''] = entry.again.split(' ');
    if (event === null) continue;
    if (entry.again === '') events.push(event);
    else again.push(redeliveryEntry(event, { endpoint, delivery }, Number(times)));
  }
  return { events, again, unread: entries.length - events.length - again.length };
}

const toOwnUrl = async (events: readonly WebhookEvent[]): Promise<DeliveryEntry[]> =>
  events.filter(({ url }) => url !== null).map((event) => deliveryEntry(event));
