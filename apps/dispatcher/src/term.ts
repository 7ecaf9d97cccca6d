/**
 * One term of leadership: everything that only the leader does, started together and ended together. It looks at Redis
 * every `snapshotMs`, moves health on, publishes states, and pumps.
 */
import type { Queue } from 'bullmq';
import type { Admission } from '@sluice/admission';
import type { Depth } from '@sluice/balancing';
import { shares } from '@sluice/balancing';
import type { Fleet, Tenant, Usage } from '@sluice/job';
import { isChunkId, readBatch, readWaiting, SLOT_NUMBERS } from '@sluice/ledger';
import type { Ledger, Waiting } from '@sluice/ledger';
import type { FileStore } from '@sluice/files';
import type { EntryData, StepData } from '@sluice/queues';
import type { DispatcherEvents } from './events.ts';
import { Backlog } from './backlog.ts';
import { Chooser } from './chooser.ts';
import { expireJob } from './expire.ts';
import { Feeder } from './feeder.ts';
import { HealthBook } from './health.ts';
import type { StateChange } from './health.ts';
import { Picture } from './picture.ts';
import { Placer } from './placer.ts';
import { PlanBook } from './plan-book.ts';
import { planProblem } from './plan-problem.ts';
import { planView } from './plan-view.ts';
import { firstEstimate, planRound } from './planner.ts';
import type { PlannerPorts } from './planner.ts';
import { runStep } from './steps.ts';
import type { StepPorts } from './step-ports.ts';
import { Sweeper } from './sweeper.ts';
import { TurnBook } from './turn-book.ts';
import { within } from './within.ts';
import type { Intake } from './intake.ts';

export interface TermPorts {
  ledger: Ledger;
  store: FileStore;
  fleet: Fleet;
  tenants: readonly Tenant[];
  admission: Admission;
  queues: {
    run: (deployment: string) => Queue<EntryData>;
    batches: Queue<StepData>;
  };
  /** Opens the workers that take entries from the pools' queues and steps from `batches`. */
  openIntake: (handlers: {
    entry: (data: EntryData) => Promise<'settled' | 'closed'>;
    step: (data: StepData) => Promise<{ kind: 'done' } | { kind: 'again'; afterMs: number }>;
  }) => Intake;
  depth: Depth;
  windowLines: number;
  snapshotMs: number;
  keepSeconds: number;
  steps: Pick<StepPorts, 'maxLines' | 'maxLineBytes' | 'filesMs' | 'poolsOf' | 'routes'>;
  events: DispatcherEvents;
  now: () => number;
  random: () => number;
}

const ESTIMATE_EVERY_MS = 1_000;
const PUBLISH_EVERY_MS = 1_000;
/** When the end of a placed job was not told for so long, its record is asked, so many at a time. */
const UNHEARD_MS = 2_000;
const MOST_ASKED = 64;
const STOP_WITHIN_MS = 5_000;

export class Term {
  readonly #ports: TermPorts;
  readonly #picture: Picture;
  readonly #health: HealthBook;
  readonly #chooser: Chooser;
  readonly #turns: TurnBook;
  readonly #placer: Placer;
  readonly #backlog: Backlog;
  readonly #feeder: Feeder;
  readonly #book: PlanBook;
  readonly #sweeper: Sweeper;
  readonly #planner: PlannerPorts;
  readonly #validating: StepPorts['validating'] = new Map();
  #intake: Intake | null = null;
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  #plannedAt = 0;
  #publishedAt = 0;
  #planning: Promise<void> | null = null;

  /** `turns`: what the leader before saved of them. */
  constructor(ports: TermPorts, leaderToken: number, turns: string) {
    this.#ports = ports;
    const { ledger, fleet, events, now, store, keepSeconds } = ports;
    const onError = (what: string, error: unknown): void => {
      if (!this.#stopped) events.failed({ what, error: String(error) });
    };
    const queue = ports.queues.run;
    this.#picture = new Picture(fleet);
    this.#health = new HealthBook(fleet, ports);
    const { windowLines, depth, random, tenants } = ports;
    this.#chooser = new Chooser({ fleet, picture: this.#picture, depth, now, random });
    const linesOut = (tenant: string): number => this.#feeder.linesOut(tenant);
    this.#turns = new TurnBook({ fleet, tenants, linesOut, now }, turns);
    this.#placer = new Placer({
      ledger,
      chooser: this.#chooser,
      turns: this.#turns,
      picture: this.#picture,
      queue,
      leaderToken,
      now,
      feed: () => this.#feeder.feed(),
      onMore: (waiting) => this.#backlog.mayHaveMore(waiting),
      onWaiting: (waiting, waits) => {
        if (waiting.batch === null) this.#chooser.contended();
        if (waits) this.#backlog.waits(waiting);
        else this.#backlog.left(waiting);
      },
      onLate: (waiting) => this.#late(waiting),
      onError,
    });
    this.#backlog = new Backlog({ ledger, placer: this.#placer, now, onError });
    this.#book = new PlanBook({
      problem: (horizonMs) =>
        planProblem(
          { ...this.#planner, usable: (id) => this.#health.stateOf(id) === 'active' },
          this.#feeder.draining,
          horizonMs,
        ),
      waiting: () => this.#feeder.waiting,
      onPlan: () => {
        this.#feeder.planned();
        void this.#publishPlan().catch((error: unknown) => onError('publishing the plan', error));
      },
      onError,
      now,
    });
    this.#feeder = new Feeder({
      ledger,
      store,
      chooser: this.#chooser,
      turns: this.#turns,
      pump: () => this.#placer.pump(),
      picture: this.#picture,
      book: this.#book,
      queue,
      leaderToken,
      windowLines,
      now,
      onError,
    });
    this.#sweeper = new Sweeper({
      ledger,
      placer: this.#placer,
      feeder: this.#feeder,
      queue,
      step: (batch, step) => this.#addStep(batch, step),
      keepSeconds,
      events,
      now,
    });
    this.#planner = {
      ledger,
      fleet,
      picture: this.#picture,
      feeder: this.#feeder,
      book: this.#book,
      events,
      eligible: (pool, formats) => this.#chooser.eligible(pool, formats),
      usable: (id) => ['active', 'half_open'].includes(this.#health.stateOf(id)),
      now,
    };
  }

  async start(): Promise<void> {
    const { ledger } = this.#ports;
    this.#health.restore(await ledger.redis.hgetall(ledger.keys.health));
    await this.#look();
    await this.#resumeBatches();
    this.#intake = this.#ports.openIntake({
      entry: (data) => this.#placer.place(data),
      step: (data) => runStep(this.#stepPorts(), data),
    });
    this.#sweeper.start();
    this.#loop = this.#run();
  }

  /** Lines of a batch were recorded by this process: the window moved. */
  recorded(batch: string, lines: number): void {
    this.#feeder.recorded(batch, lines);
    this.#placer.pump();
  }

  /** A single job's call ended, as this process recorded it. */
  ended(job: string, usage: Usage | null): void {
    this.#turns.ended(job, usage);
  }

  async complete(batch: string): Promise<void> {
    await this.#addStep(batch, 'finalise');
  }

  async #run(): Promise<void> {
    while (!this.#stopped) {
      await new Promise((resolve) => setTimeout(resolve, this.#ports.snapshotMs));
      if (this.#stopped) return;
      try {
        await this.#look();
        void this.#book.look();
        this.#placer.pump();
        await Promise.all([this.#intake?.makeRoom(this.#placer.waiting), this.#backlog.look()]);
      } catch (error) {
        if (!this.#stopped)
          this.#ports.events.failed({ what: 'looking at the fleet', error: String(error) });
      }
    }
  }

  /** One look at Redis, and what follows from it. */
  async #look(): Promise<void> {
    const loads = await this.#ports.admission.read();
    const now = this.#ports.now();
    this.#picture.update(loads, now);
    const changes = this.#health.look(loads);
    this.#picture.setHealth(this.#health.all);
    if (changes.length > 0) this.#book.ask();
    for (const change of changes) await this.#tell(change);
    if (changes.length > 0 || now - this.#publishedAt >= PUBLISH_EVERY_MS) await this.#publish(now);
    if (now - this.#plannedAt < ESTIMATE_EVERY_MS || this.#planning) return;
    this.#plannedAt = now;
    this.#planning = Promise.all([
      planRound(this.#planner),
      this.#correctCounts(),
      this.#keepTurns(now),
    ])
      .then(() => undefined)
      .catch((error: unknown) =>
        this.#ports.events.failed({ what: 'planning', error: String(error) }),
      )
      .finally(() => {
        this.#planning = null;
      });
  }

  /** What tenants have had outlives this term; jobs whose end another process recorded are found. */
  async #keepTurns(now: number): Promise<void> {
    const { redis, keys } = this.#ports.ledger;
    await redis.set(keys.turns, this.#turns.save());
    for (const id of this.#turns.unheardOf(now - UNHEARD_MS, MOST_ASKED)) {
      const waiting = await readWaiting(this.#ports.ledger, id);
      const open = waiting && ['queued', 'running'].includes(waiting.status);
      if (open) this.#turns.stillOut(id);
      else this.#turns.ended(id, null);
    }
  }

  /** An empty queue has nothing queued, whatever a crash left of the counts. */
  async #correctCounts(): Promise<void> {
    for (const id of this.#picture.busy) {
      const queue = this.#ports.queues.run(id);
      const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
      const entries = Object.values(counts).reduce((sum, count) => sum + count, 0);
      if (entries === 0) this.#picture.emptied(id);
    }
  }

  async #tell(change: StateChange): Promise<void> {
    const { ledger, events } = this.#ports;
    events.deploymentChanged(change);
    await ledger.redis.publish(ledger.keys.states, `${change.deployment} ${change.to}`);
    if (change.to === 'broken' || change.to === 'blocked') await this.#takeBack(change.deployment);
  }

  /** What waits on the queue of a sick deployment is placed elsewhere; its old entries are dropped by their epoch. */
  async #takeBack(deployment: string): Promise<void> {
    const entries = await this.#ports.queues.run(deployment).getJobs(['prioritized', 'waiting']);
    for (const entry of entries) void this.#placer.place(entry.data);
    if (entries.length > 0) this.#ports.events.takenBack({ deployment, entries: entries.length });
  }

  async #publish(now: number): Promise<void> {
    this.#publishedAt = now;
    const { ledger, fleet } = this.#ports;
    const rows = this.#health.published(this.#sharesNow(fleet, now));
    if (Object.keys(rows).length > 0) await ledger.redis.hset(ledger.keys.health, rows);
  }

  async #publishPlan(): Promise<void> {
    const { redis, keys } = this.#ports.ledger;
    const { plan, problem, madeAt } = this.#book;
    if (plan === null || problem === null) await redis.del(keys.plan);
    else await redis.set(keys.plan, JSON.stringify(planView(plan, problem, madeAt)));
  }

  /** Each deployment's share of new work: the mean over the pools it serves. */
  #sharesNow(fleet: Fleet, now: number): Map<string, number> {
    const sums = new Map<string, { sum: number; pools: number }>();
    for (const pool of fleet.pools.values()) {
      const candidates = this.#picture.candidates(pool.tiers, now);
      for (const [id, share] of shares(candidates, this.#picture.usualCost(pool.tiers.flat()))) {
        const before = sums.get(id) ?? { sum: 0, pools: 0 };
        sums.set(id, { sum: before.sum + share, pools: before.pools + 1 });
      }
    }
    return new Map([...sums].map(([id, { sum, pools }]) => [id, sum / pools]));
  }

  /** Batches in progress when the term begins: their ids stand among what is to be looked after. */
  async #resumeBatches(): Promise<void> {
    const { ledger } = this.#ports;
    const rows = await Promise.all(
      SLOT_NUMBERS.map((slot) => ledger.redis.zrange(ledger.keys.check(slot), '0', '-1')),
    );
    const ids = rows.flat().filter((id) => id.startsWith('batch_') && !isChunkId(id));
    for (const id of ids) {
      const batch = await readBatch(ledger, id);
      if (batch) this.#feeder.add(batch);
    }
  }

  async #addStep(batch: string, step: StepData['step']): Promise<void> {
    const jobId = `${batch}-${step}-${this.#ports.now()}`;
    await this.#ports.queues.batches.add('step', { batch, step }, { jobId, priority: 1 });
  }

  #stepPorts(): StepPorts {
    const { ledger, store, fleet, keepSeconds, events, now, steps } = this.#ports;
    return {
      ...steps,
      ledger,
      store,
      fleet,
      keepSeconds,
      events,
      now,
      estimate: (batch) => firstEstimate(this.#planner, batch),
      onStart: (batch) => this.#feeder.add(batch),
      onEnd: (id) => this.#feeder.remove(id),
      validating: this.#validating,
    };
  }

  /** A job ends; a chunk of a batch ends with its batch. */
  async #late(waiting: Waiting): Promise<void> {
    if (waiting.batch === null) await expireJob(this.#ports, waiting);
  }

  /** Stops acting at once, then waits for what is under way, at most a few seconds: a lost connection may never answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    const placing = this.#placer.close();
    const intake = this.#intake?.close() ?? Promise.resolve();
    const planning = this.#planning ?? Promise.resolve();
    const parts = [
      placing,
      intake,
      this.#sweeper.stop(),
      this.#loop,
      planning,
      this.#book.close(),
      this.#backlog.close(),
    ];
    await within(STOP_WITHIN_MS, Promise.allSettled(parts));
  }
}
