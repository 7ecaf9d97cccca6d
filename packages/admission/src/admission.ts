/**
 * The budgets of a fleet, kept in Redis and charged by one atomic script per chunk of calls, by Redis's clock.
 * What the scripts do is specified in packages/budget. Every method rejects when Redis cannot be asked.
 */
import {
  ASK_AHEAD_MS,
  HOLE_MS,
  HORIZON_MS,
  KNOWN_WINDOW,
  MOST_INPUT_TOKENS,
  MOST_OUTPUTS,
  RENEWAL_MS,
  easedPart,
  leasing,
  tally,
} from '@sluice/budget';
import type { Band, Binding, Cost, PacingSettings } from '@sluice/budget';
import { OUTCOMES } from '@sluice/job';
import type { Fleet, Outcome, RateDimension, Usage } from '@sluice/job';
import type { Durations } from '@sluice/prediction';
import type { Redis } from 'ioredis';
import { budgetLoad } from './budget-load.ts';
import type { BudgetLoad, RootSnapshot } from './budget-load.ts';
import { deploymentLoad } from './deployment-load.ts';
import type { DeploymentLoad } from './deployment-load.ts';
import {
  drawnBudgets,
  endedChange,
  isShort,
  refundChange,
  scriptReports,
} from './drawn-budgets.ts';
import type { DrawnBudgets, LimitReport } from './drawn-budgets.ts';
import { countedDurations, readDurations } from './durations.ts';
import { counterField } from './keys.ts';
import { readRoot } from './read-root.ts';
import { RunId } from './run-id.ts';
import { defineScripts } from './scripts.ts';
import { Writes } from './writes.ts';

export interface AdmissionOptions {
  redis: Redis;
  prefix: string;
  fleet: Fleet;
  pacing?: PacingSettings;
  /** Tests only: the time in microseconds instead of Redis's own, and the jitter of pauses. */
  micros?: () => number;
  random?: () => number;
}

export interface Asked {
  /** Expected costs, in the order in which the calls are to start. */
  costs: Cost[];
  band: Band;
  /** One id per cost, never used before. */
  leases: string[];
  /** A call that is neither settled, released nor renewed frees its permit after so long. */
  leaseMs: number;
}

export interface Booked {
  /**
   * Positions of the calls that were passed over, from 0: of a day or month too little is left for them, and that for
   * longer than anybody waits for at a deployment.
   */
  passedOver: number[];
  /**
   * Of the granted prefix of the others: when each call is to start, ms from the reply (late is safe, early is not). Below 0:
   * that moment has passed, because the first reply was lost and what was booked has been asked for again.
   */
  delaysMs: number[];
  /** Until the first call not granted could start (for `concurrency`: when to look again); null if all were granted. */
  waitMs: number | null;
  /** When to ask again so that no rate is left unused: early enough to be booked ahead; null as `waitMs`. */
  askAgainMs: number | null;
  binding: Binding | null;
  /** False: it cannot be booked ahead, because that would leave rate of a shared budget unused. */
  ahead: boolean;
  /** Redis's clock at the booking, ms. */
  atMs: number;
}

export interface Settled {
  lease: string;
  expected: Cost;
  /** null: what the call cost is not known; the expected cost stands. */
  actual: Cost | null;
  outcome: Outcome;
  tookMs: number;
  /** From asking for its booking to asking for this, ms: for so long it counts as under way. */
  heldMs: number;
  characters: number;
  usage: Usage | null;
}

/** A call that the provider answered with 429. */
export interface Refused {
  expected: Cost;
  /** The limit that it named; null = none. */
  limit: RateDimension | 'concurrency' | null;
  /** null: it did not say. */
  retryAfterMs: number | null;
  tookMs: number;
  leaseMs: number;
}

/** A reported limit that does not change is told Redis again after so long, ms. */
const REPORT_AGAIN_MS = 600_000;

export class Admission {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #pacing: PacingSettings;
  readonly #micros: () => number;
  readonly #random: () => number;
  readonly #runId: RunId;
  readonly #writes: Writes;
  /** By deployment and dimension: the limit last told Redis, and when (ms, this process's clock). */
  readonly #told = new Map<string, { limit: number; at: number }>();
  #drawn = new Map<string, DrawnBudgets>();
  /** Deployments that are gone, for what was booked on them. */
  readonly #gone = new Map<string, DrawnBudgets>();
  #fleet: Fleet;
  /** By deployment: the part of its own rates and calls at once that is used while it starts slowly. */
  #eased: ReadonlyMap<string, number> = new Map();
  /** By root, the budgets that count calls in flight. */
  #limited = new Map<string, Set<string>>();

  constructor(options: AdmissionOptions) {
    const { redis, prefix, fleet, pacing = KNOWN_WINDOW } = options;
    const { micros = () => 0, random = Math.random } = options;
    this.#redis = redis;
    this.#prefix = prefix;
    this.#pacing = pacing;
    this.#micros = micros;
    this.#random = random;
    this.#runId = new RunId(redis);
    this.#writes = new Writes(prefix);
    defineScripts(redis);
    this.#fleet = fleet;
    this.useFleet(fleet);
  }

  /**
   * Goes by other limits and deployments from now on. What is booked stays booked; a bucket keeps its level, as
   * milliseconds of rate, so neither a higher nor a lower limit makes a burst.
   */
  useFleet(fleet: Fleet): void {
    this.#fleet = fleet;
    const made = { fleet, prefix: this.#prefix, pacing: this.#pacing };
    const drawn = [...fleet.deployments.values()].map((one) =>
      drawnBudgets(one, { ...made, eased: this.#eased.get(one.id) ?? 1 }),
    );
    for (const [id, one] of this.#drawn) this.#gone.set(id, one);
    this.#drawn = new Map(drawn.map((one) => [one.deployment.id, one]));
    for (const id of this.#drawn.keys()) this.#gone.delete(id);
    this.#limited = new Map(drawn.map(({ deployment }) => [deployment.root, new Set()]));
    for (const { deployment, rules } of drawn) {
      for (const { budget } of leasing(rules)) this.#limited.get(deployment.root)?.add(budget);
    }
  }

  /** Deployments that start slowly, and the part (above 0, up to 1) of their own limits that they use; all others use all. */
  ease(shares: ReadonlyMap<string, number>): void {
    const parts = [...shares].map(([id, share]) => [id, easedPart(share)] as const);
    const eased = new Map(parts.filter(([, part]) => part < 1));
    const same = eased.size === this.#eased.size;
    if (same && [...eased].every(([id, share]) => this.#eased.get(id) === share)) return;
    this.#eased = eased;
    this.useFleet(this.#fleet);
  }

  /** Books as many of these calls, in order, as may start within a quarter of a second. */
  async book(deploymentId: string, { costs, band, leases, leaseMs }: Asked): Promise<Booked> {
    const { deployment, keys, rulesJson, bindings } = this.#of(deploymentId);
    const [rates] = keys as [string];
    const run = await this.#runId.current(rates);
    const flat = costs.flatMap(({ input, output, usd }) => [input, output, usd]);
    const args = [
      rulesJson,
      JSON.stringify(flat),
      band,
      HORIZON_MS,
      leaseMs,
      run,
      this.#runId.changed(rates) ? 1 : 0,
      RENEWAL_MS,
      ...leases,
    ];
    const [micros = 0, ago = 0, wait = -1, binding = 0, over = 0, ...rest] =
      await this.#writes.send(deployment.root, (key, write) =>
        this.#redis.sluiceBook(keys.length + 1, ...keys, key, write, this.#micros(), ...args),
      );
    const waitMs = wait < 0 ? null : Math.max(0, wait - ago) / 1000;
    const bound = bindings[Math.abs(binding) - 1] ?? null;
    return {
      passedOver: rest.slice(0, over),
      delaysMs: rest.slice(over).map((delay) => (delay - ago) / 1000),
      waitMs,
      askAgainMs: waitMs === null || bound === null ? null : askAgain(waitMs, bound, binding > 0),
      binding: bound,
      ahead: binding >= 0,
      atMs: micros / 1000,
    };
  }

  /**
   * Ends calls: frees permits, corrects what they were charged, counts how they ended. Oldest first. `write`: names this and
   * every further try of the same.
   */
  async settle(deploymentId: string, items: Settled[], write?: string): Promise<void> {
    const drawn = this.#of(deploymentId);
    const ended = items.map((item) => ({ ...item, costUsd: item.actual?.usd ?? 0 }));
    const { failures, ...calls } = tally(ended);
    const answered = items.flatMap(({ outcome, tookMs }) => (outcome === 'ok' ? [tookMs] : []));
    const where = { prefix: this.#prefix, root: drawn.deployment.root };
    await this.#change(drawn, {
      change: endedChange(drawn, items, answered),
      calls: JSON.stringify({
        ...calls,
        mostInputTokens: MOST_INPUT_TOKENS,
        mostOutputs: MOST_OUTPUTS,
        each: items.map(({ tookMs, outcome }) => `${tookMs} ${outcome}`).join(' '),
        durations: countedDurations(where, answered),
      }),
      failures: JSON.stringify(Object.entries(failures).flat()),
      leases: items.map(({ lease }) => lease),
      write,
    });
  }

  /**
   * Takes back bookings whose calls are not made: frees permits, uncounts them as taken and, given their costs, gives
   * back what they took of limits per day and month. Rates stay charged: what was booked after them relies on it.
   */
  async release(deploymentId: string, leases: string[], costs: Cost[] = []): Promise<void> {
    const drawn = this.#of(deploymentId);
    const change = refundChange(drawn, leases.length, costs);
    await this.#change(drawn, { change, calls: '', failures: '[]', leases });
  }

  /**
   * Prolongs leases of calls in flight; answers those that had lapsed already and count again from now on. Where one of them
   * has ended meanwhile, this came behind its end: {@link free} it.
   */
  async renew(deploymentId: string, leases: string[], leaseMs: number): Promise<string[]> {
    const { leaseKeys } = this.#of(deploymentId);
    if (leases.length === 0) return [];
    const [, ...lost] = await this.#redis.sluiceRenew(
      leaseKeys.length,
      ...leaseKeys,
      leaseMs,
      this.#micros(),
      ...leases,
    );
    return lost;
  }

  /** Frees permits of calls that have ended, and changes nothing else: a renewal that came behind the end brought them back. */
  async free(deploymentId: string, leases: string[]): Promise<void> {
    const drawn = this.#of(deploymentId);
    const change = refundChange(drawn, 0, []);
    await this.#change(drawn, { change, calls: '', failures: '[]', leases });
  }

  /** From now on what becomes of calls that begin from this moment on is counted by itself: {@link DeploymentLoad.since}. */
  async mark(deploymentId: string): Promise<void> {
    const { deployment, keys } = this.#of(deploymentId);
    const load = keys[1] as string;
    await this.#writes.send(deployment.root, (key, write) =>
      this.#redis.sluiceMark(2, load, key, write, this.#micros(), deployment.id, ...OUTCOMES),
    );
  }

  /** Counts jobs that left the deployment's queue without being booked. */
  async taken(deploymentId: string, jobs: number): Promise<void> {
    await this.#count(deploymentId, ['dropped'], jobs);
  }

  /** Counts calls that nobody settles: the worker that made them has died. Their leases lapse by themselves. */
  async lost(deploymentId: string, calls: number): Promise<void> {
    await this.#count(deploymentId, ['ended', 'failed:lost'], calls);
  }

  /**
   * A provider answered 429: the budgets concerned pause, and what was too much is not sent so soon again. Resolves
   * with the length of the pause, ms; 0 for a call that was under way when the last pause began.
   */
  async refused(deploymentId: string, refused: Refused): Promise<number> {
    const { deployment, keys, leaseKeys, refusalJson } = this.#of(deploymentId);
    const { expected, limit, retryAfterMs, tookMs, leaseMs } = refused;
    const { input, output } = expected;
    const told = { limit: limit ?? '', retryAfterMs: retryAfterMs ?? -1, tookMs, leaseMs };
    const own = [keys[0] as string, ...leaseKeys];
    const refusal = JSON.stringify({ ...told, random: this.#random(), input, output });
    const [, , pauseMs] = await this.#writes.send(deployment.root, (key, write) =>
      this.#redis.sluiceRefuse(
        own.length + 1,
        ...own,
        key,
        write,
        this.#micros(),
        refusalJson,
        refusal,
      ),
    );
    return pauseMs;
  }

  /** Takes in what an answer's headers say. Asks Redis only when a limit is news or little is left. */
  async observe(deploymentId: string, reports: readonly LimitReport[]): Promise<void> {
    const drawn = this.#of(deploymentId);
    const now = Date.now();
    const telling = reports.filter(
      (report) => this.#isNews(deploymentId, report, now) || isShort(drawn, report),
    );
    if (telling.length === 0) return;
    for (const { dimension, limit } of telling)
      this.#told.set(`${deploymentId}|${dimension}`, { limit, at: now });
    const script = scriptReports(drawn, telling);
    await this.#redis.sluiceObserve(1, drawn.keys[0] as string, script, this.#micros());
  }

  #isNews(deploymentId: string, { dimension, limit }: LimitReport, now: number): boolean {
    const told = this.#told.get(`${deploymentId}|${dimension}`);
    return told === undefined || told.limit !== limit || now - told.at > REPORT_AGAIN_MS;
  }

  /** Every deployment's load, or of these roots only: one script per root and one round trip. */
  async read(only: ReadonlySet<string> | null = null): Promise<Map<string, DeploymentLoad>> {
    // Those of the moment when it is asked: the fleet may be another when the answer comes.
    const drawn = [...this.#drawn].filter(
      ([, { deployment }]) => only === null || only.has(deployment.root),
    );
    const roots = await this.#snapshots(only);
    return new Map(
      drawn.map(([id, { deployment, rules }]) => {
        const snapshot = roots.get(deployment.root) as RootSnapshot;
        const budgets = rules.map((rule) => budgetLoad(rule, snapshot));
        return [id, deploymentLoad(id, budgets, snapshot)];
      }),
    );
  }

  /** Every budget's state. */
  async readBudgets(): Promise<Map<string, BudgetLoad>> {
    const drawn = [...this.#drawn.values()];
    const roots = await this.#snapshots();
    return new Map(
      drawn.flatMap(({ deployment, rules }) =>
        rules.map((rule) => [
          rule.budget,
          budgetLoad(rule, roots.get(deployment.root) as RootSnapshot),
        ]),
      ),
    );
  }

  /** How long the calls took that deployments answered in the last ten to twenty minutes. */
  async readDurations(): Promise<Map<string, Durations>> {
    const [seconds = 0] = await this.#redis.time();
    const nowMs = this.#micros() > 0 ? this.#micros() / 1_000 : seconds * 1_000;
    const roots = [...this.#limited.keys()];
    return readDurations(this.#redis, { prefix: this.#prefix, roots, nowMs });
  }

  /** Stops listening to the connection, which stays open. */
  close(): void {
    this.#runId.close();
  }

  #of(deploymentId: string): DrawnBudgets {
    const drawn = this.#drawn.get(deploymentId) ?? this.#gone.get(deploymentId);
    if (!drawn) throw new RangeError(`no such deployment: ${deploymentId}`);
    return drawn;
  }

  async #change(
    { deployment, keys }: DrawnBudgets,
    change: {
      change: string;
      calls: string;
      failures: string;
      leases: string[];
      write?: string | undefined;
    },
  ): Promise<void> {
    const args = [change.change, change.calls, change.failures, deployment.id, ...change.leases];
    await this.#writes.send(
      deployment.root,
      (key, write) =>
        this.#redis.sluiceSettle(keys.length + 1, ...keys, key, write, this.#micros(), ...args),
      change.write,
    );
  }

  async #count(deploymentId: string, counters: string[], n: number): Promise<void> {
    const { deployment, keys } = this.#of(deploymentId);
    const [, load] = keys as [string, string];
    const args = counters.flatMap((name) => [counterField(deploymentId, name), n]);
    await this.#writes.send(deployment.root, (key, write) =>
      this.#redis.sluiceCount(2, load, key, write, this.#micros(), ...args),
    );
  }

  async #snapshots(only: ReadonlySet<string> | null = null): Promise<Map<string, RootSnapshot>> {
    const where = { prefix: this.#prefix, micros: this.#micros() };
    const asked = [...this.#limited].filter(([root]) => only === null || only.has(root));
    const read = asked.map(
      async ([root, budgets]) =>
        [root, await readRoot(this.#redis, { ...where, root, limited: [...budgets] })] as const,
    );
    return new Map(await Promise.all(read));
  }
}

/**
 * A little before the start: late enough for several calls at once, early enough to be booked ahead. Where booking
 * ahead is out of the question, just before it.
 */
const askAgain = (waitMs: number, { dimension }: Binding, ahead: boolean): number =>
  dimension === 'concurrency' ? waitMs : Math.max(1, waitMs - (ahead ? ASK_AHEAD_MS : HOLE_MS / 2));
