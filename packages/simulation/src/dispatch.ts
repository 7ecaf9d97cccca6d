/**
 * Places what waits, in the order of the questions: whose turn is it (fairness), which of its lines (plan), which
 * deployment (balancing). The answers are the dispatcher's own code.
 */
import {
  NO_CONTENTION,
  NO_MEMORY,
  choose,
  contendedBy,
  depthNow,
  strategyFor,
  tiersFor,
  withinDay,
  withoutUsedUp,
} from '@sluice/balancing';
import type { Asked, Choice, DayRoom, Memory, Strategy } from '@sluice/balancing';
import { WINDOWED_DIMENSIONS } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import { admitted, costMs, nextTurn } from '@sluice/fairness';
import type { Limit, Room, Turn } from '@sluice/fairness';
import type { Fleet, Pool } from '@sluice/job';
import { isPlanned, mostNow, nextPair, placed } from '@sluice/planning';
import type { Backlog, Line } from './backlog.ts';
import { grouped } from './grouped.ts';
import type { HealthBook } from './health-book.ts';
import type { Learned } from './learned.ts';
import type { Picture } from './picture.ts';
import type { Planner } from './planner.ts';
import type { Settings } from './scenario.ts';
import type { Spilling } from './spilling.ts';
import { shunnedNow } from './task.ts';
import type { Task } from './task.ts';

export interface DispatchPorts {
  fleet: Fleet;
  backlog: Backlog;
  picture: Picture;
  health: HealthBook;
  learned: Learned;
  planner: Planner;
  spilling: Spilling;
  settings: Settings;
  random: () => number;
  place: (tasks: readonly Task[], deployment: string) => void;
}

/** As the dispatcher's. */
const LEAST_WAIT_MS = 5;

type Place = Extract<Choice, { kind: 'place' }>;

/** Lines of one class of a batch that may be placed now. */
interface Waiting {
  /** The batch's part: its item among the turns. */
  item: string;
  line: Line;
  head: Task;
  jobs: number;
}

/** Lines of a batch, beside all that its tenant has waiting in the band. */
interface OfShare {
  batch: string | null;
  own: readonly Waiting[];
  share: readonly Waiting[];
}

/** What the next turn would place. */
interface Found extends Pick<Waiting, 'item' | 'head'> {
  line: Line | null;
  choice: Place;
}

export class Dispatch {
  readonly #ports: DispatchPorts;
  readonly #memory = new Map<string, Memory>();
  readonly #strategies = new Map<string, Strategy>();
  readonly #limits = new Map<string, Limit[]>();
  /** Pools, and whether a limit per day or month counts in them. */
  readonly #daily = new Map<string, boolean>();
  /** When an interactive job that found no room may find some, ms from the last pump; Infinity = none waits. */
  #soonestMs = Infinity;
  /** When anything that found no room at a deployment that takes calls may find some, ms from the last pump. */
  #roomInMs = Infinity;
  /** Single jobs that come. */
  #contention = NO_CONTENTION;

  constructor(ports: DispatchPorts) {
    this.#ports = ports;
  }

  /** How long after the last pump another one pays, ms; Infinity = not before the next look. */
  get againInMs(): number {
    return Math.max(LEAST_WAIT_MS, this.#soonestMs);
  }

  /** ms from the last pump; Infinity = what waits, waits for a deployment to take calls again. */
  get roomInMs(): number {
    return this.#roomInMs;
  }

  /** Places whatever has room now; how many jobs that were. */
  pump(now: number): number {
    this.#soonestMs = Infinity;
    this.#roomInMs = Infinity;
    const { backlog, spilling } = this.#ports;
    const { turns, shaped } = backlog;
    shaped.look(now);
    spilling.look(backlog, now);
    // Within one pump nothing gets emptier: what had no room has none.
    const full = new Set<Line | string>();
    let jobs = 0;
    for (;;) {
      let found: Found | null = null;
      const turn = nextTurn(turns, (one) => {
        const room = this.#roomFor(one, full, now);
        if (typeof room === 'string') return room;
        found = room;
        return 'yes';
      });
      if (turn === null || found === null) return jobs;
      jobs += this.#carryOut(turn, found, now);
    }
  }

  #roomFor(turn: Turn, full: Set<Line | string>, now: number): Found | Room {
    const { item, band } = turn;
    const content = this.#ports.backlog.item(item.id);
    if (content === undefined) return 'not_this_one';
    if (content.kind === 'batch') return this.#roomForBatch(turn, full, now);
    const lane = `${band} ${item.lane}`;
    if (full.has(lane)) return 'lane_full';
    const { job } = content.task;
    if (job.batch === null) this.#contention = contendedBy(this.#contention, job.priority, now);
    const choice = this.#choose(content.task, { jobs: 1, among: null }, now);
    if (choice.kind === 'place') {
      return { item: item.id, line: null, head: content.task, choice };
    }
    if (job.priority === 'interactive' && choice.kind === 'wait')
      this.#soonestMs = Math.min(this.#soonestMs, choice.retryInMs);
    full.add(lane);
    return 'lane_full';
  }

  /** The tenant's batches in turn: the first of which some lines have room. */
  #roomForBatch({ item }: Turn, full: Set<Line | string>, now: number): Found | Room {
    const { backlog, settings } = this.#ports;
    const most = backlog.shaped.most(item.tenant, now);
    const open = backlog.parts(item.tenant, item.band).flatMap((part): Waiting[] => {
      const left = Math.min(most, settings.windowLines - backlog.out(part.batch));
      if (left <= 0) return [];
      return [...part.lines.values()].flatMap((line): Waiting[] =>
        line.head
          ? [{ item: part.id, line, head: line.head, jobs: Math.min(left, line.length) }]
          : [],
      );
    });
    for (const [batch, own] of grouped(open, ({ head }) => head.job.batch)) {
      const found =
        this.#byTrial(own, full, now) ??
        this.#byPlan({ batch, own, share: open }, full, now) ??
        this.#bySpill(own, full, now) ??
        this.#byRoom(own, full, now);
      if (found) return found;
    }
    return 'not_this_one';
  }

  /** A half-open deployment is tried with the first line that it can run: no plan reckons with it. */
  #byTrial(open: readonly Waiting[], full: Set<Line | string>, now: number): Found | null {
    const { fleet, health } = this.#ports;
    for (const waiting of open)
      for (const id of fleet.pools.get(waiting.head.job.pool)?.tiers.flat() ?? []) {
        const key = `trial ${waiting.line.key} ${id}`;
        if (health.standing(id, now).state !== 'half_open' || full.has(key)) continue;
        const choice = this.#placeFor(waiting, new Set([id]), now);
        if (choice.kind === 'place') return { ...waiting, choice };
        full.add(key);
      }
    return null;
  }

  /** The class and deployment whose turn it is by the plan. */
  #byPlan({ batch, own, share }: OfShare, full: Set<Line | string>, now: number): Found | null {
    const { planner } = this.#ports;
    const { pace } = planner;
    const planned = own.filter((waiting) => this.#isPlanned(waiting));
    if (pace === null || planned.length === 0) return null;
    const classIn = ({ line }: Waiting): string | null => planner.classOf(line.key);
    const classes = grouped(planned, classIn);
    const ofShare = grouped(share, classIn);
    const found = new Map<string, Found>();
    const atMs = now - planner.madeAt;
    const waiting = this.#waitingLines();
    const pair = nextPair(pace, {
      atMs,
      waiting: (id) => waiting.get(id) ?? 0,
      own: (id) => ofShare.has(id),
      mayGo: (id, deployment) => {
        const [first] = classes.get(id) ?? [];
        if (first === undefined) return this.#someMayGo(ofShare.get(id), deployment);
        return this.#mayGo(first, deployment, now);
      },
      hasRoom: (id, deployment) => {
        const [first] = classes.get(id) ?? [];
        const key = `${batch} ${id} ${deployment}`;
        if (first === undefined || full.has(key)) return false;
        const choice = this.#placeFor(first, new Set([deployment]), now);
        if (choice.kind === 'place') found.set(key, { ...first, choice });
        else full.add(key);
        return choice.kind === 'place';
      },
    });
    const next = pair && found.get(`${batch} ${pair.class} ${pair.deployment}`);
    if (!next) return null;
    const jobs = Math.min(next.choice.jobs, mostNow(pace, pair, atMs));
    return { ...next, choice: { ...next.choice, jobs } };
  }

  #isPlanned = ({ line, head }: Waiting): boolean =>
    isPlanned(this.#poolOf(head)) && this.#ports.planner.classOf(line.key) !== null;

  /** Whether lines of another batch have a claim there: those that are kept to an arm have none on the others. */
  #someMayGo(lines: readonly Waiting[] | undefined, deployment: string): boolean {
    if (lines === undefined) return true;
    return lines.some(({ head }) =>
      tiersFor(this.#poolOf(head), this.armOf(head)).some((tier) => tier.includes(deployment)),
    );
  }

  #mayGo(waiting: Waiting, deployment: string, now: number): boolean {
    const hasRoom = (id: string): boolean =>
      this.#placeFor(waiting, new Set([id]), now).kind === 'place';
    return this.#ports.spilling.mayGo(waiting.head, { deployment, hasRoom }, now);
  }

  /** Lines that have waited long enough go to later tiers that the plan does not count for them. */
  #bySpill(open: readonly Waiting[], full: Set<Line | string>, now: number): Found | null {
    const { planner, spilling } = this.#ports;
    for (const waiting of open) {
      const { line, head } = waiting;
      const tiers = this.#isPlanned(waiting) ? spilling.tiersOf(head, now) : null;
      if (tiers === null || full.has(`spills ${line.key}`)) continue;
      const pairs = planner.pace?.classes.get(planner.classOf(line.key) ?? '')?.pairs ?? [];
      const uncounted = [...tiers.later].filter(
        (id) =>
          pairs.every(({ deployment }) => deployment.id !== id) && this.#mayGo(waiting, id, now),
      );
      const choice = this.#placeFor(waiting, new Set(uncounted), now);
      if (choice.kind === 'place') return { ...waiting, choice };
      full.add(`spills ${line.key}`);
    }
    return null;
  }

  /** Of all tenants, by class of the plan. */
  #waitingLines(): Map<string, number> {
    const { planner, backlog } = this.#ports;
    const waiting = new Map<string, number>();
    for (const [key, { lines }] of backlog.classes) {
      const id = planner.classOf(key);
      if (id !== null) waiting.set(id, (waiting.get(id) ?? 0) + lines);
    }
    return waiting;
  }

  /** Lines that no plan leads go wherever there is room. */
  #byRoom(open: readonly Waiting[], full: Set<Line | string>, now: number): Found | null {
    for (const waiting of open) {
      const { line } = waiting;
      if (full.has(line) || this.#isPlanned(waiting)) continue;
      const choice = this.#placeFor(waiting, null, now);
      if (choice.kind === 'place') return { ...waiting, choice };
      full.add(line);
    }
    return null;
  }

  #carryOut(turn: Turn, { item, line, head, choice }: Found, now: number): number {
    const { backlog, picture, learned, planner, spilling, place } = this.#ports;
    const { deployment } = choice;
    if (line) spilling.placed(head, deployment, now);
    const { tasks, finished } = backlog.take(item, line, choice.jobs);
    const cost = learned.cost(deployment, head);
    picture.placed(deployment, tasks.length, { cost, now });
    this.#memory.set(head.job.pool, choice.memory);
    const { pace } = planner;
    const planned = line ? planner.classOf(line.key) : null;
    if (pace && planned !== null) placed(pace, { class: planned, deployment }, tasks.length);
    const eachMs = this.workMs(head, cost, learned.predictedMs(deployment, head, 0));
    const tokens = cost.input + cost.output;
    for (const task of tasks) task.charged = { band: turn.band, ms: eachMs, tokens };
    const used = { ...turn, item: { ...turn.item, id: item } };
    admitted(backlog.turns, used, { costMs: eachMs * tasks.length, finished });
    const sent = { requests: tasks.length, tokens: tokens * tasks.length };
    backlog.shaped.sent(turn.tenant, sent, now);
    place(tasks, deployment);
    return tasks.length;
  }

  /** What a job costs its tenant. */
  workMs(task: Task, { requests, input, output }: Cost, callMs: number): number {
    return costMs({ requests, input, output, callMs }, this.#limitsOf(task.job.pool));
  }

  /** For lines of a batch: these wait for the first tier from another moment than each of them for its turn. */
  #placeFor(
    { head, jobs }: Pick<Waiting, 'head' | 'jobs'>,
    among: ReadonlySet<string> | null,
    now: number,
  ): Choice {
    const since = this.#ports.spilling.since(head, now) ?? head.waitingSince;
    return this.#choose(head, { jobs, among, since }, now);
  }

  /** `among`: it goes to one of these or nowhere. */
  #choose(
    task: Task,
    how: { jobs: number; among: ReadonlySet<string> | null; since?: number },
    now: number,
  ): Choice {
    const { jobs, among, since = task.waitingSince } = how;
    const { picture, learned, settings, random } = this.#ports;
    const pool = this.#poolOf(task);
    const tiers = among ? pool.tiers.map((tier) => tier.filter((id) => among.has(id))) : pool.tiers;
    const all = picture.candidates(tiers, now);
    const costs = new Map(all.map(({ id }) => [id, learned.cost(id, task)]));
    const days = this.countsDays(task) ? this.#daysOf(costs) : NO_DAYS;
    const candidates = withoutUsedUp(all, days, shunnedNow(task, now));
    const predictedMsFor = new Map(
      candidates.map(({ id, inFlight }) => [id, learned.predictedMs(id, task, inFlight)]),
    );
    const strategy = this.#strategyOf(pool);
    const usdFor =
      strategy.withinPercent === undefined
        ? undefined
        : new Map(candidates.map(({ id }) => [id, learned.comparedUsd(id, task)]));
    const asked: Asked = {
      cost: costs.values().next().value ?? NOTHING,
      costs,
      predictedMsFor,
      ...(usdFor && { usdFor }),
      jobs,
      lot: task.lot,
      band: task.job.priority === 'interactive' ? 'interactive' : 'batch',
      exclude: task.exclude,
      eligible: task.job.eligible,
      minTier: task.minTier,
      maxTier: task.job.maxTier ?? null,
      waitingSince: since,
      deadlineInMs: task.deadlineAt - now,
    };
    this.#ports.health.jobAsks(pool.id, asked, now);
    const memory = this.#memory.get(pool.id) ?? NO_MEMORY;
    const { spillAfterMs } = pool;
    const { depth } = settings;
    const poolNow = {
      candidates,
      strategy,
      memory,
      spillAfterMs,
      depth: depthNow(depth, this.#contention, now),
    };
    const choice = withinDay(choose(asked, poolNow, { now, random }), days);
    if (choice.kind === 'wait' && choice.why.state === 'active')
      this.#roomInMs = Math.min(this.#roomInMs, choice.retryInMs);
    return choice;
  }

  /** How many such jobs fit where a day or month limits them. */
  #daysOf(costs: ReadonlyMap<string, Cost>): DayRoom {
    const all = [...costs].map(
      ([id, cost]) => [id, this.#ports.picture.jobsThatFit(id, cost)] as const,
    );
    return new Map(all.filter(([, jobs]) => jobs < Infinity));
  }

  /** Whether some deployment of its pool has a limit per day or month. */
  countsDays({ job }: Task): boolean {
    const known = this.#daily.get(job.pool);
    if (known !== undefined) return known;
    const { fleet } = this.#ports;
    const budgets = this.#poolOf({ job })
      .tiers.flat()
      .flatMap((id) => fleet.deployments.get(id)?.budgets ?? []);
    const counts = budgets.some((id) =>
      WINDOWED_DIMENSIONS.some((each) => fleet.budgets.get(id)?.limits[each] !== undefined),
    );
    this.#daily.set(job.pool, counts);
    return counts;
  }

  /** The arm that the job is kept to; null = none. */
  armOf({ job, lot }: Task): string | null {
    return (
      this.#strategyOf(this.#poolOf({ job })).keeping?.armFor({ lot, eligible: job.eligible }) ??
      null
    );
  }

  #poolOf = ({ job }: Pick<Task, 'job'>): Pool => this.#ports.fleet.pools.get(job.pool) as Pool;

  /** Made once per pool. */
  #strategyOf(pool: Pool): Strategy {
    const known = this.#strategies.get(pool.id);
    if (known) return known;
    const made = strategyFor(pool.strategy);
    if (!made) throw new RangeError(`no such strategy without settings: ${pool.strategy.name}`);
    this.#strategies.set(pool.id, made);
    return made;
  }

  /** The limits of a pool's deployments by dimension, added up; a budget that several share counts once. */
  #limitsOf(poolId: string): Limit[] {
    const known = this.#limits.get(poolId);
    if (known) return known;
    const { fleet } = this.#ports;
    const members = (fleet.pools.get(poolId)?.tiers ?? []).flat();
    const drawn = new Set(members.flatMap((id) => fleet.deployments.get(id)?.budgets ?? []));
    const limits = PRICED.flatMap((dimension): Limit[] => {
      const sum = [...drawn].reduce(
        (total, id) => total + (fleet.budgets.get(id)?.limits[dimension] ?? 0),
        0,
      );
      const perMs = dimension === 'concurrency' ? sum : sum / 60_000;
      return sum > 0 ? [{ dimension, perMs }] : [];
    });
    this.#limits.set(poolId, limits);
    return limits;
  }
}

const PRICED = ['rpm', 'tpm', 'itpm', 'otpm', 'concurrency'] as const;
const NO_DAYS: DayRoom = new Map();
const NOTHING: Cost = { requests: 1, input: 0, output: 0, usd: 0 };
