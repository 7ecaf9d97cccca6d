/**
 * Looks after what nobody has looked after in time, and only that: never the backlog. What a crash left between two steps
 * (record and queue, claim and answer, last line and finalising) is found here and done.
 */
import {
  checkBy,
  checkLater,
  forget,
  isChunkId,
  readBatch,
  readOverdue,
  readWaiting,
} from '@sluice/ledger';
import type { Ledger, StoredBatch, Waiting } from '@sluice/ledger';
import { entryJobId } from '@sluice/queues';
import type { StepData } from '@sluice/queues';
import type { DispatcherEvents } from './events.ts';
import { expireJob, isLate } from './expire.ts';
import type { Feeder } from './feeder.ts';
import type { Placer } from './placer.ts';
import { CHECK_PLACED_MS } from './run-entry.ts';
import type { RunQueues } from './run-entry.ts';

export interface SweeperPorts {
  ledger: Ledger;
  placer: Placer;
  feeder: Pick<Feeder, 'add'>;
  queue: RunQueues;
  /** Whether the fleet has the deployment. */
  known: (deployment: string) => boolean;
  step: (batch: string, step: StepData['step']) => Promise<void>;
  keepSeconds: number;
  events: DispatcherEvents;
  now: () => number;
}

/** Small rounds: what is read is looked after before more is read. */
const PER_SLOT = 64;
const EVERY_MS = 250;
/** Until a job past its deadline whose answer is being recorded, or that moved on just now, is looked at again. */
const LOOK_AGAIN_MS = 1_000;
const BATCH_EVERY_MS = 60_000;

export class Sweeper {
  readonly #ports: SweeperPorts;
  #timer: NodeJS.Timeout | null = null;
  #stopped = false;
  #round: Promise<void> = Promise.resolve();

  constructor(ports: SweeperPorts) {
    this.#ports = ports;
  }

  start(inMs = EVERY_MS): void {
    this.#timer = setTimeout(() => {
      this.#round = this.#sweepAndGoOn();
    }, inMs);
  }

  async #sweepAndGoOn(): Promise<void> {
    const all = await this.sweep();
    if (!this.#stopped) this.start(all ? EVERY_MS : 0);
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#round;
  }

  /** One round over what is overdue. False: there may be more, as when many jobs have the same deadline. */
  async sweep(): Promise<boolean> {
    try {
      const ids = await readOverdue(this.#ports.ledger, this.#ports.now(), PER_SLOT);
      await Promise.all(ids.map((id) => this.#lookAfter(id)));
      return ids.length < PER_SLOT;
    } catch (error) {
      if (!this.#stopped) this.#ports.events.failed({ what: 'sweeping', error: String(error) });
      return true;
    }
  }

  #lookAfter(id: string): Promise<void> {
    const isBatch = id.startsWith('batch_') && !isChunkId(id);
    return isBatch ? this.#lookAfterBatch(id) : this.#lookAfterEntry(id);
  }

  async #lookAfterEntry(id: string): Promise<void> {
    const { ledger, now } = this.#ports;
    // Before it is read: who changes it after that, and asks for a look at it, is not overruled.
    await checkLater(ledger, id, now() + CHECK_PLACED_MS);
    const waiting = await readWaiting(ledger, id);
    if (!waiting || (waiting.status !== 'queued' && waiting.status !== 'running'))
      return forget(ledger, id);
    if (isLate(waiting, now())) return this.#lookAfterLate(waiting);
    const called = waiting.leaseUntil > now();
    const next = called ? waiting.leaseUntil + 1_000 : Infinity;
    const soon = Math.min(next, waiting.deadlineAt ?? Infinity);
    if (soon < Infinity) await checkBy(ledger, id, soon);
    if (called) return;
    if (this.#ports.placer.has(id) || waiting.notBefore > now()) return;
    if (await this.#isQueued(waiting)) return;
    this.#ports.events.repaired({ id, how: howOf(waiting) });
    void this.#ports.placer.placePatiently({ id, epoch: waiting.epoch });
  }

  /** Past its deadline: a job that is not being called ends here; a batch's lines end with their batch. */
  async #lookAfterLate(waiting: Waiting): Promise<void> {
    const { ledger, now, placer } = this.#ports;
    const { id, leaseUntil, batch } = waiting;
    if (leaseUntil > now()) return checkBy(ledger, id, leaseUntil + 1_000);
    if (batch !== null) return;
    if ((await expireJob(this.#ports, waiting)) === 'busy')
      return checkBy(ledger, id, now() + LOOK_AGAIN_MS);
    placer.drop(id);
  }

  /** Whether a worker will still get it: it was placed, and its entry is in the queue. */
  async #isQueued(waiting: Waiting): Promise<boolean> {
    if (waiting.deployment === '' || waiting.status !== 'queued' || waiting.handed) return false;
    if (!this.#ports.known(waiting.deployment)) return false;
    const jobId = entryJobId({ id: waiting.id, epoch: waiting.epoch });
    const state = await this.#ports.queue(waiting.deployment).getJobState(jobId);
    return ['waiting', 'prioritized', 'delayed', 'active'].includes(state);
  }

  async #lookAfterBatch(id: string): Promise<void> {
    const { ledger, now, step, feeder } = this.#ports;
    // Before it is read: who changes it after that, and asks for a look at it, is not overruled.
    await checkLater(ledger, id, now() + BATCH_EVERY_MS);
    const batch = await readBatch(ledger, id);
    const next = batch && nextStep(batch, now());
    if (!batch || next === 'none') return forget(ledger, id);
    const expires = batch.expiresAt > now() ? batch.expiresAt : Infinity;
    const soon = next === 'feed' ? Infinity : now() + CHECK_PLACED_MS;
    if (Math.min(soon, expires) < Infinity) await checkBy(ledger, id, Math.min(soon, expires));
    if (next === 'feed') feeder.add(batch);
    else if (next !== null) await step(id, next);
  }
}

function howOf(waiting: Waiting): string {
  if (waiting.handed) return 'handed back, placed again';
  if (waiting.status === 'running') return 'its worker is gone, placed again';
  return waiting.deployment === ''
    ? 'waited for nobody, placed'
    : 'its entry was lost, placed again';
}

/** What a batch needs next, from its status alone. */
function nextStep(batch: StoredBatch, now: number): StepData['step'] | 'feed' | 'none' {
  switch (batch.status) {
    case 'validating':
      return 'validate';
    case 'in_progress':
      if (now >= batch.expiresAt) return 'wind_down';
      return batch.completed + batch.failed >= batch.total ? 'finalise' : 'feed';
    case 'finalizing':
      return 'finalise';
    case 'cancelling':
    case 'expiring':
      return 'wind_down';
    default:
      return 'none';
  }
}
