/**
 * One term of leadership: everything that only the leader does, started together and ended together. It looks at Redis
 * every `snapshotMs`, moves health on, publishes states, and pumps.
 */
import type { Queue } from 'bullmq';
import type { Admission } from '@sluice/admission';
import type { Depth } from '@sluice/balancing';
import type { FleetChange } from '@sluice/control';
import type { Fleet, Tenant } from '@sluice/job';
import { eachOpenBatch, USED_UP } from '@sluice/ledger';
import type { Ledger, OutcomeMeta, StoredBatch } from '@sluice/ledger';
import type { FileStore } from '@sluice/files';
import { stepPriority } from '@sluice/queues';
import type { EntryData, StepData } from '@sluice/queues';
import { AddedSteps } from './added-steps.ts';
import { predicted } from './chooser.ts';
import { correctCounts } from './correct-counts.ts';
import { estimate } from './estimate.ts';
import type { DispatcherEvents } from './events.ts';
import type { StateChange } from './health.ts';
import { LargeFiles } from './large-files.ts';
import type { Learned } from './learned.ts';
import type { LengthsBook } from './lengths-book.ts';
import { liveFigures } from './live-figures.ts';
import type { PlaceEnd } from './waiting-entries.ts';
import { planRound } from './planner.ts';
import { nameOfStep, runStep } from './steps.ts';
import type { StepEnd, StepPorts } from './step-ports.ts';
import { keepTurns, openParts } from './term-parts.ts';
import type { TermParts } from './term-parts.ts';
import { within } from './within.ts';
import type { Intake } from './intake.ts';

export interface TermPorts {
  ledger: Ledger;
  store: FileStore;
  fleet: Fleet;
  /** The operator's wish for a deployment. */
  wishOf: (deployment: string) => 'active' | 'draining' | 'paused';
  tenants: () => readonly Tenant[];
  learned: Learned;
  lengths: LengthsBook;
  admission: Admission;
  queues: {
    run: (deployment: string) => Queue<EntryData>;
    batches: Queue<StepData>;
  };
  /** Opens the workers that take entries from the pools' queues and steps from `batches`. */
  openIntake: (handlers: {
    entry: (data: EntryData) => Promise<PlaceEnd>;
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

/** States in which a deployment starts nothing more of what waits on its queue. */
const TAKEN_BACK: ReadonlySet<string> = new Set(['broken', 'blocked', 'paused']);
const ESTIMATE_EVERY_MS = 1_000;
const PUBLISH_EVERY_MS = 1_000;
const WAITING_MS = 5_000;
const STOP_WITHIN_MS = 5_000;
const RESUME_AGAIN_MS = 1_000;

export class Term {
  readonly #ports: TermPorts;
  readonly #parts: TermParts;
  readonly #validating: StepPorts['validating'] = new Map();
  readonly #underWay: StepPorts['underWay'] = new Set();
  readonly #added = new AddedSteps();
  readonly #troubled: StepPorts['troubled'] = new Set();
  readonly #largeFiles = new LargeFiles();
  readonly #dryRuns: StepPorts['dryRuns'] = new Set();
  #intake: Intake | null = null;
  readonly #stopping = new AbortController();
  #stopped = false;
  #loop: Promise<void> = Promise.resolve();
  #plannedAt = 0;
  #publishedAt = 0;
  #planning: Promise<void> | null = null;
  #resuming: Promise<void> = Promise.resolve();
  #looking: Promise<void> = Promise.resolve();

  /** `savedTurns`: what the leader before saved of them. */
  constructor(ports: TermPorts, leaderToken: number, savedTurns: string) {
    this.#ports = ports;
    this.#parts = openParts({
      ports,
      leaderToken,
      savedTurns,
      addStep: (batch, step) => this.#addStep(batch, step),
      onError: this.#failed,
    });
  }

  readonly #failed = (what: string, error: unknown): void => {
    if (!this.#stopped) this.#ports.events.failed({ what, error: String(error) });
  };

  async start(): Promise<void> {
    const { ledger } = this.#ports;
    const saved = await ledger.redis.hgetall(ledger.keys.health);
    this.#parts.health.restore(saved);
    await this.#look();
    // Not waited for: what is known of them drains while the others are read.
    this.#resuming = this.#resumeBatches();
    // The lead may have been lost meanwhile.
    if (this.#stopped) return;
    this.#intake = this.#ports.openIntake({
      entry: (data) => this.#parts.placer.placePatiently(data),
      step: (data) => this.#step(data),
    });
    await this.#leave(Object.keys(saved).filter((id) => !this.#ports.fleet.deployments.has(id)));
    if (this.#stopped) return;
    this.#parts.solver.start();
    this.#parts.sweeper.start();
    this.#loop = this.#run();
  }

  /** The fleet has another content, or operators other wishes; `config`: because the config was read anew. */
  fleetChanged({ deployments, pools }: FleetChange, config: boolean): void {
    const { health, chooser, turns, book, roots, picture } = this.#parts;
    if (config) health.configChanged();
    picture.setHealth(health.all);
    roots.forget();
    chooser.follow();
    turns.follow(this.#ports.tenants());
    this.#ports.learned.follow(predicted(this.#ports.fleet));
    book.ask();
    this.#intake?.take(pools.added);
    this.#follow(deployments.removed).catch((error: unknown) =>
      this.#failed('following the config', error),
    );
  }

  async #follow(removed: readonly string[]): Promise<void> {
    await this.#look();
    await this.#leave(removed);
    this.#parts.placer.pump();
  }

  /** Deployments that are not in the fleet any more: what waits on their queues is placed elsewhere. */
  async #leave(removed: readonly string[]): Promise<void> {
    const { ledger } = this.#ports;
    for (const id of removed) await this.#takeBack(id);
    if (removed.length > 0) await ledger.redis.hdel(ledger.keys.health, ...removed);
  }

  /** Lines of a batch were recorded by this process: the window moved. */
  recorded(batch: string, lines: number): void {
    this.#parts.feeder.recorded(batch, lines);
    this.#parts.placer.pump();
  }

  /** A call ended, as this process recorded it. `job`: the single job it was made for; null = a line. */
  ended(job: string | null, { attempts, usage }: OutcomeMeta): void {
    const attempt = attempts.at(-1);
    const load = attempt && this.#parts.picture.load(attempt.deployment);
    if (attempt) this.#ports.learned.ended(attempt, load?.inFlight ?? 0);
    if (job !== null) this.#parts.turns.ended(job, usage);
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
        void this.#parts.book.look();
        this.#parts.placer.pump();
        await Promise.all([
          this.#intake?.makeRoom(this.#parts.placer.waiting),
          this.#parts.backlog.look(),
        ]);
      } catch (error) {
        this.#failed('looking at the fleet', error);
      }
    }
  }

  /** One look at Redis, and what follows from it. One at a time: a look that ends late must not undo a newer one. */
  #look(): Promise<void> {
    const look = this.#looking.then(() => this.#lookOnce());
    this.#looking = look.catch(() => undefined);
    return look;
  }

  async #lookOnce(): Promise<void> {
    await this.#read();
    const now = this.#ports.now();
    const changes = this.#parts.health.look(this.#parts.roots.loads, this.#parts.days.fitting());
    this.#parts.picture.setHealth(this.#parts.health.all);
    // Sent before anything else can be: no trial begins before its mark.
    const marking = this.#mark();
    if (changes.length > 0) this.#parts.book.ask();
    await marking;
    for (const change of changes) await this.#tell(change);
    // What is said of the fleet holds nothing up: a full Redis takes none of it, and is led all the same.
    if (changes.length > 0 || now - this.#publishedAt >= PUBLISH_EVERY_MS)
      await this.#publish(now).catch((error: unknown) => this.#failed('publishing', error));
    if (now - this.#plannedAt < ESTIMATE_EVERY_MS || this.#planning) return;
    this.#plannedAt = now;
    this.#planning = Promise.all([
      planRound(this.#parts.planner),
      correctCounts(this.#parts.picture, (id) => this.#entriesOf(id)),
      keepTurns(this.#ports.ledger, this.#parts.turns, now),
    ])
      .then(() => undefined)
      .catch((error: unknown) =>
        this.#ports.events.failed({ what: 'planning', error: String(error) }),
      )
      .finally(() => {
        this.#planning = null;
      });
  }

  /** Takes into the picture what Redis says of deployments where something is going on, and now and then of the others. */
  async #read(): Promise<void> {
    const { admission, now, snapshotMs } = this.#ports;
    const { health, picture, roots } = this.#parts;
    const eased = health.sharesOfRate;
    admission.ease(eased);
    const stirred = [...picture.takeStirred(), ...eased.keys()];
    const loads = await admission.read(roots.due(stirred, { now: now(), everyMs: snapshotMs }));
    picture.update(loads, now());
    roots.read(loads, { now: now(), rests: (id) => picture.rests(id) });
  }

  async #mark(): Promise<void> {
    const { health, picture } = this.#parts;
    const marks = health.unmarked.map(async (id) => {
      picture.marked(id);
      await this.#ports.admission.mark(id);
      health.marked(id);
    });
    await Promise.all(marks);
  }

  async #entriesOf(deployment: string): Promise<number> {
    const queue = this.#ports.queues.run(deployment);
    const counts = await queue.getJobCounts('waiting', 'prioritized', 'active', 'delayed');
    return Object.values(counts).reduce((sum, count) => sum + count, 0);
  }

  async #tell(change: StateChange): Promise<void> {
    const { ledger, events } = this.#ports;
    events.deploymentChanged(change);
    const told = change.usedUp ? USED_UP : change.to;
    await ledger.redis.publish(ledger.keys.states, `${change.deployment} ${told}`);
    if (TAKEN_BACK.has(change.to)) await this.#takeBack(change.deployment);
  }

  /** What waits on the queue of a sick deployment is placed elsewhere; its old entries are dropped by their epoch. */
  async #takeBack(deployment: string): Promise<void> {
    const entries = await this.#ports.queues.run(deployment).getJobs(['prioritized', 'waiting']);
    for (const entry of entries) void this.#parts.placer.placePatiently(entry.data);
    if (entries.length > 0) this.#ports.events.takenBack({ deployment, entries: entries.length });
  }

  async #publish(now: number): Promise<void> {
    this.#publishedAt = now;
    const { ledger, fleet } = this.#ports;
    const { picture, health, placer, feeder, planner, turns } = this.#parts;
    const waiting = [placer.entries.again, feeder.unfed];
    const takes = planner.usable;
    const figures = liveFigures({ fleet, picture, takes, waiting, now });
    const rows = health.published(figures.deployments);
    const { keys, redis } = ledger;
    await Promise.all([
      Object.keys(rows).length > 0 && redis.hset(keys.health, rows),
      redis.set(keys.pools, JSON.stringify(figures.pools)),
      // Forgotten when nobody leads: then that is why work waits.
      redis.set(keys.atLimit, JSON.stringify(turns.atLimit), 'PX', WAITING_MS),
      redis.set(keys.firstInTurn, JSON.stringify(feeder.firstInTurn), 'PX', WAITING_MS),
    ]);
  }

  /** Batches in progress when the term begins drain on. */
  async #resumeBatches(): Promise<void> {
    const { ledger, events } = this.#ports;
    while (!this.#stopped) {
      try {
        await eachOpenBatch(ledger, (batches) => this.#resume(batches));
        if (!this.#stopped) this.#parts.again.allRead();
        return;
      } catch (error) {
        if (this.#stopped) return;
        events.failed({ what: 'resuming batches', error: String(error) });
        await new Promise((resolve) => setTimeout(resolve, RESUME_AGAIN_MS));
      }
    }
  }

  #resume(batches: readonly StoredBatch[]): boolean {
    if (!this.#stopped) for (const batch of batches) this.#parts.feeder.add(batch);
    return !this.#stopped;
  }

  /** One that is under way sees to its own end, and one that waits for its turn waits once. */
  async #addStep(batch: string, step: StepData['step']): Promise<void> {
    const name = nameOfStep({ batch, step });
    const now = this.#ports.now();
    if (this.#underWay.has(name) || this.#added.waits(name, now)) return;
    const options = { jobId: `${batch}-${step}-${now}`, priority: stepPriority(step) };
    await this.#ports.queues.batches.add('step', { batch, step }, options);
    this.#added.added(name, now);
  }

  async #step(data: StepData): Promise<StepEnd> {
    const name = nameOfStep(data);
    this.#added.begun(name);
    const end = await runStep(this.#stepPorts(), data);
    if (end.kind === 'again') this.#added.added(name, this.#ports.now() + end.afterMs);
    return end;
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
      estimate: (batch) => estimate(this.#parts.planner, batch),
      onStart: (batch) => this.#parts.feeder.add(batch),
      onEnd: (id) => {
        this.#parts.feeder.remove(id);
        this.#ports.lengths.forget(id);
      },
      validating: this.#validating,
      underWay: this.#underWay,
      troubled: this.#troubled,
      largeFiles: this.#largeFiles,
      dryRuns: this.#dryRuns,
      signal: this.#stopping.signal,
    };
  }

  /** Stops acting at once, then waits for what is under way, at most a few seconds: a lost connection may never answer. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#stopping.abort();
    const placing = this.#parts.placer.close();
    const intake = this.#intake?.close() ?? Promise.resolve();
    const planning = this.#planning ?? Promise.resolve();
    const parts = [
      placing,
      intake,
      this.#parts.sweeper.stop(),
      this.#loop,
      this.#resuming,
      planning,
      this.#parts.book.close(),
      this.#parts.solver.close(),
      this.#parts.estimating.close(),
      this.#parts.backlog.close(),
    ];
    await within(STOP_WITHIN_MS, Promise.allSettled(parts));
  }
}
