/** What tests of recording share: a real Redis, a ledger, queues and a store, a batch or job that is being called. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Queue } from 'bullmq';
import { pino } from 'pino';
import { loadConfig } from '@sluice/config';
import { localStore } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import { makeId, slotOf } from '@sluice/job';
import {
  acceptJob,
  connectRedis,
  createBatch,
  encodeOutcomes,
  feedChunks,
  holdRecorder,
  moveBatch,
  openLedger,
  placeEntry,
  readOutcomes,
  storeOutcomes,
} from '@sluice/ledger';
import type { Ledger, NewBatch, OutcomeMeta, StreamOutcome } from '@sluice/ledger';
import { openQueue } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import { dispatcherEvents } from './events.ts';
import type { RecordBatchPorts } from './record-batch.ts';
import { RetryBudgets } from '@sluice/retry';
import { Segments } from './segments.ts';
import { WritingTrouble } from './writing-trouble.ts';

const CONFIG = `
providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k } }
deployments: { mini: { provider: p, model: m }, other: { provider: p, model: m } }
pools: { fast: [mini, other] }
`;
const loaded = loadConfig({ source: { text: CONFIG }, env: {} });
assert.ok(loaded.kind === 'ok');

export class Desk {
  readonly fleet = loaded.kind === 'ok' ? loaded.fleet : assert.fail();
  readonly redis: TestRedis;
  readonly ledger: Ledger;
  readonly store: FileStore;
  readonly ports: RecordBatchPorts;
  /** What is placed goes here, whatever the deployment. */
  readonly run: Queue<EntryData>;
  readonly dead: Queue;
  /** Moves only when a test says so. */
  time = Date.now();
  readonly #folder: string;
  readonly #queues: Queue[];
  #writes = 0;

  private constructor(redis: TestRedis, folder: string) {
    this.redis = redis;
    this.#folder = folder;
    const connection = connectRedis(redis.url, 'background');
    this.ledger = openLedger(connection, 'test');
    this.store = localStore(folder);
    const fallback = openQueue<{ id: string; epoch: number }>('fallback-fast', connection, {
      prefix: 'test',
      keep: 10,
    });
    this.dead = openQueue('dead', connection, { prefix: 'test', keep: 10 });
    this.run = openQueue<EntryData>('run', connection, { prefix: 'test', keep: 10 });
    this.#queues = [fallback, this.dead, this.run];
    this.ports = {
      ledger: this.ledger,
      fleet: this.fleet,
      segments: new Segments(this.store, 'test'),
      writing: new WritingTrouble({
        ledger: this.ledger,
        where: `the folder ${folder}`,
        now: () => this.time,
      }),
      holder: 'r1',
      maxAttempts: 5,
      backoff: { baseMs: 500, capMs: 30_000 },
      fallbackQueue: () => fallback,
      deadQueue: this.dead,
      events: dispatcherEvents(pino({ level: 'silent' })),
      now: () => this.time,
      retries: new RetryBudgets(),
      random: () => 0.5,
      onLine: () => undefined,
      onCalls: () => undefined,
      onRecorded: () => undefined,
      onAnswers: () => undefined,
      onComplete: () => Promise.resolve(),
    };
  }

  static async open(): Promise<Desk> {
    const redis = await startRedis();
    return new Desk(redis, await mkdtemp(join(tmpdir(), 'sluice-desk-')));
  }

  async close(): Promise<void> {
    await this.ports.segments.close();
    await Promise.all(this.#queues.map((queue) => queue.close()));
    await this.store.close();
    this.ledger.redis.disconnect();
    await this.redis.stop();
    await rm(this.#folder, { recursive: true });
  }

  /** A job that stands in the ledger, due in a minute. */
  async acceptedJob(deadlineMs = 60_000): Promise<string> {
    const id = makeId('job', randomBytes(16));
    const job = {
      id,
      tenant: 'default',
      pool: 'fast',
      model: 'fast',
      endpoint: '/v1/chat/completions' as const,
      priority: 'normal' as const,
      createdAt: this.time,
      deadlineAt: this.time + deadlineMs,
      body: '{"messages":[]}',
      shape: { characters: 40, maxOutput: null, inputs: 1 },
      formats: 3,
      maxTier: null,
      affinityKey: null,
      webhookUrl: null,
      metadata: {},
      retryOf: null,
    };
    await acceptJob(this.ledger, job, { checkAt: this.time + 15_000, idempotency: null });
    return id;
  }

  /** A batch in progress whose lines 1 … n travel in one chunk on `mini`. */
  async fedBatch(
    lines: number,
    over: Partial<NewBatch> = {},
  ): Promise<{ batch: string; chunk: string }> {
    const batch = await this.validatingBatch(over);
    const set = { total: lines };
    await moveBatch(this.ledger, batch, { from: ['validating'], to: 'in_progress', set });
    const chunk = `${batch}~0.0`;
    const numbers = Array.from({ length: lines }, (_, i) => i + 1);
    await feedChunks(this.ledger, {
      batch,
      class: 0,
      cursor: 0,
      newCursor: lines,
      chunks: [
        {
          id: chunk,
          batch,
          tenant: 'default',
          pool: 'fast',
          deployment: 'mini',
          tier: 1,
          epoch: 1,
          lines: numbers.map((line) => [line, line * 100, 90, 40, -1]),
          formats: 3,
          priority: 'low',
          createdAt: this.time,
          deadlineAt: this.time + 60_000,
        },
      ],
      checkAt: this.time + 15_000,
      leaderToken: 1,
    });
    return { batch, chunk };
  }

  async validatingBatch(over: Partial<NewBatch> = {}): Promise<string> {
    const id = makeId('batch', randomBytes(16));
    const batch: NewBatch = {
      id,
      tenant: 'default',
      endpoint: '/v1/chat/completions',
      inputFileId: makeId('file', randomBytes(16)),
      completionWindow: '1m',
      createdAt: this.time,
      expiresAt: this.time + 60_000,
      priority: 'low',
      metadata: null,
      webhookUrl: null,
      maxTier: null,
      maxCostUsd: null,
      outputExpiresAfter: null,
      retryOf: null,
      ...over,
    };
    await createBatch(this.ledger, batch, { checkAt: this.time, idempotency: null });
    return id;
  }

  /** Places a job on `mini` again; its epoch then. */
  async placed(id: string, epoch: number): Promise<number> {
    const move = { deployment: 'mini', tier: 1, leaderToken: 1, checkAt: this.time };
    const moved = await placeEntry(this.ledger, { id, epoch, ...move, now: this.time });
    assert.ok(moved.kind === 'moved');
    return moved.epoch;
  }

  /** Outcomes of places of an entry, as a worker stores them; what the recorder then reads. */
  async answered(
    entry: { id: string; epoch: number },
    metas: readonly Partial<OutcomeMeta>[],
  ): Promise<StreamOutcome[]> {
    const { ledger } = this;
    const slot = slotOf(entry.id);
    await holdRecorder(ledger, slot, { holder: 'r1', ms: 60_000 });
    const whole = metas.map((meta) => ({ ...this.#meta(), ...meta }));
    const fields = encodeOutcomes(
      whole,
      whole.map(({ line }) => (line > 0 ? `${line}\t1\t{}\t{}\n` : '{}')),
    );
    const places = whole.map(({ place }) => place);
    this.#writes++;
    const write = { writer: 'w', id: this.#writes };
    await storeOutcomes(ledger, slot, [{ ...entry, places, fields }], write);
    return this.unrecorded(entry.id);
  }

  /** What lies in the stream of the entry's slot. */
  async unrecorded(id: string): Promise<StreamOutcome[]> {
    const reader = connectRedis(this.redis.url, 'blocking');
    const from = new Map([[slotOf(id), '0']]);
    const outcomes = await readOutcomes(reader, this.ledger, { from, count: 100, blockMs: 10 });
    reader.disconnect();
    return outcomes.filter((outcome) => outcome.id === id);
  }

  /** How many answers of a slot wait to be recorded. */
  inStream(slot: number): Promise<number> {
    return this.ledger.redis.xlen(this.ledger.keys.outcomes(slot));
  }

  #meta(): OutcomeMeta {
    return {
      place: 0,
      line: 0,
      outcome: 'ok',
      statusCode: 200,
      deployment: 'mini',
      usage: null,
      costUsd: null,
      retryAfterMs: null,
      message: null,
      attempts: [],
      tries: 0,
      endedAt: this.time,
    };
  }
}
