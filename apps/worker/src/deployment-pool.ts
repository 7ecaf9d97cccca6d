/** The workers of one deployment in this process: its queue, its gate, its learned facts, its calls. */
import { DelayedError } from 'bullmq';
import type { Job as QueueEntry, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import type { Admission, Settled } from '@sluice/admission';
import { expectedCost, settledCost } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { Deployment } from '@sluice/job';
import { refusedLimit } from '@sluice/providers';
import { openWorker, runQueue } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import { admitAndCall } from './admit.ts';
import { Gate } from './gate.ts';
import { GatheredWriter } from './gathered-writer.ts';
import type { Call } from './load-calls.ts';
import { makeCall } from './make-call.ts';
import type { CallPorts, CallResult } from './make-call.ts';
import type { OutcomeWriter } from './outcome-writer.ts';
import { outcomeOf } from './outcome-of.ts';
import { PERMIT_MS } from './permit-keeper.ts';
import type { PermitKeeper } from './permit-keeper.ts';
import { runEntry } from './run-entry.ts';
import type { CallRight, EntryPorts, Performed } from './run-entry.ts';
import { refusedKey } from './refused-key.ts';

/** What the deployment's usage has taught; refreshed from Redis. */
export interface Learned {
  charsPerToken: number;
  cachedShare: number;
  meanOutput: number | null;
  /** Rates that are known: as configured, reported or learnt. */
  dims: readonly unknown[];
}

export interface PoolPorts {
  deployment: Deployment;
  admission: Admission;
  permits: PermitKeeper;
  outcomes: OutcomeWriter;
  call: CallPorts;
  entry: Omit<EntryPorts, 'perform' | 'store' | 'dropped' | 'lost' | 'deployment'>;
  connection: Redis;
  prefix: string;
  /** Finished entries kept in the queue for people to look at. */
  keep: number;
  /** Calls at once where no limit says so. */
  unlimitedConcurrency: number;
  limited: boolean;
}

/**
 * Entries at once. BullMQ fetches one by one until all slots are taken before it starts any, so slots beyond what is in the
 * queue cost nothing, but many of them before a long queue delay the first. Where there are limits the queue is short.
 */
const SLOTS_WHERE_LIMITED = 4_096;
const SLOTS_WHERE_UNLIMITED = 128;

/** How long it counted as under way is known when this is told. */
type Ended = Omit<Settled, 'heldMs'> & { bookedAt: number };

export class DeploymentPool {
  readonly #ports: PoolPorts;
  readonly #gate: Gate;
  readonly #settlements: GatheredWriter<Ended>;
  #worker: Worker<EntryData> | null = null;
  #learned: Learned;
  #calling = 0;
  #stopped = false;
  #oddUsageSeen = false;

  constructor(ports: PoolPorts, learned: Learned) {
    this.#ports = ports;
    this.#learned = learned;
    const { admission, deployment } = ports;
    this.#gate = new Gate({
      book: (costs, band, leases) =>
        admission.book(deployment.id, { costs, band, leases, leaseMs: PERMIT_MS }),
      release: (leases, costs) =>
        void admission.release(deployment.id, leases, costs).catch(() => undefined),
      mostCalls: () =>
        ports.limited || this.#learned.dims.length > 0
          ? Number.POSITIVE_INFINITY
          : ports.unlimitedConcurrency,
      now: ports.call.now,
    });
    this.#settlements = new GatheredWriter({
      most: 64,
      write: async (items, { writer, id }) => {
        const now = ports.call.now();
        const held = items.map((item) => ({ ...item, heldMs: now - item.bookedAt }));
        await admission.settle(deployment.id, held, `${writer}.${id}`);
      },
      onRetry: (error, items) =>
        ports.entry.events.writeRetried({ what: 'settlements', items, error: String(error) }),
    });
  }

  start(): void {
    const { connection, prefix, keep, limited, deployment } = this.#ports;
    const concurrency = limited ? SLOTS_WHERE_LIMITED : SLOTS_WHERE_UNLIMITED;
    this.#worker = openWorker<EntryData>(
      runQueue(deployment.id),
      (entry, token) => this.#process(entry, token),
      connection,
      { prefix, concurrency, keep },
    );
  }

  get calling(): number {
    return this.#calling;
  }

  learn(learned: Learned): void {
    this.#learned = learned;
  }

  /** Sick, blocked or paused deployments call nobody: what waits at the gate is handed back. True if that is new. */
  accept(accepting: boolean): boolean {
    if (this.#stopped || accepting !== this.#gate.closed) return false;
    if (accepting) this.#gate.open();
    else this.#gate.close();
    return true;
  }

  /** Fetches no more, hands back what has not started, waits for the calls in flight. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const closing = this.#worker?.close();
    this.#gate.close();
    await closing;
  }

  async #process(entry: QueueEntry<EntryData>, token: string | undefined): Promise<string> {
    const end = await runEntry(
      {
        ...this.#ports.entry,
        deployment: this.#ports.deployment,
        perform: (data, call, right) => this.#perform(data, call, right),
        store: (data, call, result) =>
          this.#ports.outcomes.store(data, outcomeOf(this.#ports.deployment, call, result)),
        dropped: (jobs) =>
          void this.#ports.admission.taken(this.#ports.deployment.id, jobs).catch(() => undefined),
        lost: (calls) =>
          void this.#ports.admission.lost(this.#ports.deployment.id, calls).catch(() => undefined),
      },
      entry.data,
    );
    if (typeof end === 'string') return end;
    // BullMQ goes by this machine's clock.
    await entry.moveToDelayed(Date.now() + end.heldForMs, token);
    throw new DelayedError();
  }

  async #perform(data: EntryData, call: Call, right: CallRight): Promise<Performed> {
    const { admission, deployment, entry, outcomes } = this.#ports;
    const expected = this.#expectedCost(call);
    const end = await admitAndCall(
      {
        gate: this.#gate,
        leases: entry.leases,
        release: (permit) =>
          void admission.release(deployment.id, [permit], [expected]).catch(() => undefined),
        now: this.#ports.call.now,
      },
      {
        asking: { cost: expected, band: call.band, until: call.deadlineAt },
        call: (permit, mayBegin) => this.#call(call, permit, { signal: right.signal, mayBegin }),
      },
      right,
    );
    if (typeof end === 'string') return end;
    this.#feedBack(call, end.result, { ...end, expected });
    await outcomes.store(data, outcomeOf(deployment, call, end.result));
    return 'stored';
  }

  async #call(
    call: Call,
    permit: string,
    asked: Parameters<typeof makeCall>[2],
  ): ReturnType<typeof makeCall> {
    const { deployment, permits } = this.#ports;
    this.#calling++;
    permits.hold(deployment.id, permit);
    const result = await makeCall(this.#ports.call, call, asked);
    permits.release(deployment.id, permit);
    this.#calling--;
    return result;
  }

  #expectedCost(call: Call): Cost {
    const { deployment } = this.#ports;
    const { charsPerToken, cachedShare, meanOutput } = this.#learned;
    const facts = {
      charsPerToken,
      cachedShare,
      // Placement knows who asks; this process knows only what the deployment's answers have on average.
      meanOutput: call.expects ?? meanOutput,
      defaultMaxTokens: deployment.defaultMaxTokens,
      accounting: deployment.accounting,
      price: deployment.price,
    };
    return expectedCost(call.shape, facts);
  }

  /** Passes on what the answer said about the limits, then settles the booking: who waits for it knows them. */
  #feedBack(
    call: Call,
    result: CallResult,
    booked: { permit: string; bookedAt: number; expected: Cost },
  ): void {
    const { admission, deployment, entry } = this.#ports;
    const tookMs = result.endedAt - result.startedAt;
    if (result.limits.length > 0) {
      void admission.observe(deployment.id, result.limits).catch(() => undefined);
    }
    if (result.outcome === 'rate_limited') this.#refused(result, booked.expected);
    void this.#settlements
      .add({
        lease: booked.permit,
        expected: booked.expected,
        actual: settledUse(booked.expected, result, deployment),
        outcome: result.outcome,
        tookMs,
        bookedAt: booked.bookedAt,
        characters: call.shape.characters,
        usage: result.usage,
      })
      .then(() => this.#gate.ended());
    if (result.oddUsage && !this.#oddUsageSeen) {
      this.#oddUsageSeen = true;
      entry.events.oddUsage({ deployment: deployment.id, ref: call.ref });
    }
    if (result.outcome === 'ok') return;
    const ms = Math.round(tookMs);
    const { outcome, statusCode: status } = result;
    const said = { deployment: deployment.id, ref: call.ref, outcome, status, ms };
    if (outcome !== 'credential') entry.events.callFailed(said);
    else entry.events.keyRefused({ ...said, ...refusedKey(deployment, result.body) });
  }

  #refused(result: CallResult, expected: Cost): void {
    const { admission, deployment } = this.#ports;
    const limit = refusedLimit(result.message, result.limits);
    const { retryAfterMs, startedAt, endedAt } = result;
    const said = { expected, limit, retryAfterMs, tookMs: endedAt - startedAt, leaseMs: PERMIT_MS };
    void admission.refused(deployment.id, said).catch(() => undefined);
    this.#gate.recall();
  }
}

/** What the call was charged, as its provider counts; null when nobody knows. */
function settledUse(booked: Cost, result: CallResult, { accounting }: Deployment): Cost | null {
  const { usage, outcome, statusCode, costUsd: usd } = result;
  const refused = outcome !== 'ok' && statusCode !== null;
  return settledCost(booked, { usage, refused, usd }, accounting);
}
