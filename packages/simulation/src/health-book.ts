/** Breaker and block of every deployment, moved on at every look by what has ended since, as the dispatcher does. */
import {
  AskedLately,
  BLOCKING,
  OUTLIER,
  failingMost,
  afterFact,
  afterLook,
  counts,
  isDue,
  isLast,
  lookAt,
  newBreaker,
  reachesOf,
  standing,
  usedUpUntil,
} from '@sluice/balancing';
import type { Answered, Asked, Health, Standing } from '@sluice/balancing';
import type { Fleet, Outcome, Pool } from '@sluice/job';
import { CONSEQUENCES } from '@sluice/retry';

export class HealthBook {
  readonly #fleet: Fleet;
  readonly #random: () => number;
  readonly #health = new Map<string, Health>();
  readonly #ended = new Map<string, Outcome[]>();
  /** Calls that ended, of those that began since the deployment's trials began. */
  readonly #trialsEnded = new Map<string, number>();
  /** Calls that ended since the last comparison with peers, and who stood out in it. */
  readonly #interval = new Map<string, Answered>();
  #failingMost: ReadonlySet<string> = new Set();
  #comparedAt = 0;
  readonly #asked = new AskedLately((pool) => this.#fleet.pools.get(pool) as Pool);

  constructor(fleet: Fleet, random: () => number) {
    this.#fleet = fleet;
    this.#random = random;
    for (const id of fleet.deployments.keys())
      this.#health.set(id, { wish: 'active', block: null, breaker: newBreaker(0) });
  }

  /** A call has ended; one from before the breaker's present state says nothing of it. */
  ended(deployment: string, outcome: Outcome, startedAt: number): void {
    const { breaker } = this.#health.get(deployment) as Health;
    if (!counts(breaker, startedAt)) return;
    this.#trialsEnded.set(deployment, this.trialsEnded(deployment) + 1);
    const list = this.#ended.get(deployment);
    if (list) list.push(outcome);
    else this.#ended.set(deployment, [outcome]);
  }

  trialsEnded(deployment: string): number {
    return this.#trialsEnded.get(deployment) ?? 0;
  }

  /** A job asks for a place in the pool: there will be more like it, which can try what has failed, or have nobody else. */
  jobAsks(pool: string, asked: Pick<Asked, 'band' | 'eligible' | 'maxTier'>, now: number): void {
    this.#asked.note(pool, { ...asked, whole: true }, now);
  }

  standing(deployment: string, now: number): Standing {
    return standing(this.#health.get(deployment) as Health, now);
  }

  /** A job was placed on a blocked deployment to try it. */
  usable(deployment: string, now: number): boolean {
    const { state } = this.standing(deployment, now);
    return state === 'active' || state === 'half_open';
  }

  /** Whether plans reckon with it: what is being tried takes one job at a time. */
  isActive(deployment: string, now: number): boolean {
    return this.standing(deployment, now).state === 'active';
  }

  /** Nothing starts there for so long, ms. */
  pausedFor(deployment: string, pausedForMs: number, now: number): void {
    const health = this.#health.get(deployment) as Health;
    this.#health.set(deployment, { ...health, usedUpUntil: usedUpUntil(pausedForMs, now) });
  }

  /** Of those whose day is used up, when the first has something left again; null = there is none. */
  usedUpUntil(now: number): number | null {
    const all = [...this.#health.values()].map(({ usedUpUntil: until = 0 }) => until);
    const ahead = all.filter((until) => until > now);
    return ahead.length === 0 ? null : Math.min(...ahead);
  }

  /** Whether one that failed is to be tried again soon. */
  recovering(now: number): boolean {
    const states = [...this.#health.values()].map((health) => standing(health, now).state);
    return states.some((state) => state === 'broken' || state === 'half_open');
  }

  look(now: number): void {
    if (now - this.#comparedAt >= OUTLIER.intervalMs) this.#compare(now);
    const pools = [...this.#fleet.pools.values()];
    const reaches = [...pools.flatMap((pool) => reachesOf(pool)), ...this.#asked.reaches(now)];
    for (const id of this.#health.keys()) this.#lookAt(id, reaches, now);
    this.#ended.clear();
    this.#failingMost = new Set();
  }

  #compare(now: number): void {
    this.#comparedAt = now;
    const tiers = [...this.#fleet.pools.values()].flatMap((pool) => pool.tiers);
    this.#failingMost = failingMost(this.#interval, tiers);
    this.#interval.clear();
  }

  #lookAt(id: string, reaches: readonly (readonly string[])[], now: number): void {
    const health = this.#health.get(id) as Health;
    const outcomes = this.#ended.get(id) ?? [];
    const telling = outcomes.filter((outcome) => outcome === 'ok' || isFailure(outcome));
    const ended = lookAt(
      telling.map((outcome) => outcome === 'ok'),
      isLast(id, reaches, (other) => this.#takesNew(other, now)),
    );
    const sum = this.#interval.get(id) ?? { ok: 0, failures: 0 };
    this.#interval.set(id, { ok: sum.ok + ended.ok, failures: sum.failures + ended.failures });
    const look = {
      ...ended,
      batchTraffic: this.#asked.hasBatch(id, now),
      failsMost: this.#failingMost.has(id),
    };
    const breaker = afterLook(health.breaker, look, { now, random: this.#random });
    const reason = BLOCKING.find((each) => outcomes.includes(each));
    const tried = health.block !== null && isDue(health.block, now);
    const fact = reason
      ? ({ kind: 'refused', reason } as const)
      : tried && look.ok > 0
        ? ({ kind: 'succeeded' } as const)
        : null;
    const block = fact ? afterFact(health.block, fact, now) : health.block;
    this.#health.set(id, { ...health, breaker, block });
  }

  #takesNew(id: string, now: number): boolean {
    return (this.#fleet.deployments.get(id)?.weight ?? 0) > 0 && this.usable(id, now);
  }
}

const isFailure = (outcome: Outcome): boolean =>
  outcome !== 'ok' && CONSEQUENCES[outcome].health === 'failure';
