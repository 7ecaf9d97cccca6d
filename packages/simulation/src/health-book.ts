/** Breaker and block of every deployment, moved on at every look by what has ended since, as the dispatcher does. */
import {
  AskedLately,
  BLOCKING,
  FleetHealth,
  counts,
  isUsable,
  lookAt,
  reachesOf,
  shareOfRate,
  standing,
  usedUpUntil,
} from '@sluice/balancing';
import type { Asked, Candidate, EndedCalls, Health, Standing } from '@sluice/balancing';
import type { Fleet, Outcome, Pool } from '@sluice/job';
import { CONSEQUENCES } from '@sluice/retry';
import type { Learned } from './learned.ts';

export interface HealthPorts {
  fleet: Fleet;
  learned: Pick<Learned, 'meanLatencyMs'>;
  random: () => number;
}

/** How a deployment stands, as far as it matters to who takes work. */
type Stands = Standing & Pick<Candidate, 'id' | 'weight'>;

export class HealthBook {
  readonly #ports: HealthPorts;
  readonly #health = new FleetHealth();
  readonly #ended = new Map<string, Outcome[]>();
  /** Calls that ended, of those that began since the deployment's trials began. */
  readonly #trialsEnded = new Map<string, number>();
  readonly #asked: AskedLately;

  constructor(ports: HealthPorts) {
    this.#ports = ports;
    const { deployments, pools } = ports.fleet;
    this.#health.follow(new Set(deployments.keys()), 0);
    this.#asked = new AskedLately((pool) => pools.get(pool) as Pool);
  }

  /** A call has ended; one from before the breaker's present state says nothing of it. */
  ended(deployment: string, outcome: Outcome, startedAt: number): void {
    const { breaker } = this.#of(deployment);
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
    return standing(this.#of(deployment), now);
  }

  stands(id: string, now: number): Stands {
    const weight = this.#ports.fleet.deployments.get(id)?.weight ?? 0;
    return { id, weight, ...this.standing(id, now) };
  }

  /** Much slower than its peers. */
  isSlow(id: string): boolean {
    return this.#of(id).slow === true;
  }

  /** The part of its rate that each may use now, 1 = all. */
  sharesOfRate(now: number): ReadonlyMap<string, number> {
    return new Map(
      [...this.#health.all].map(([id, { breaker }]) => [id, shareOfRate(breaker, now)]),
    );
  }

  /** Whether it takes calls, be it one that tries it. */
  usable(id: string, now: number): boolean {
    return isUsable(this.stands(id, now));
  }

  #of(id: string): Health {
    return this.#health.all.get(id) as Health;
  }

  /** An operator sets it. */
  wish(deployment: string, wish: Health['wish']): void {
    this.#health.put(deployment, { wish });
  }

  /** Nothing starts there for so long, ms. */
  pausedFor(deployment: string, pausedForMs: number, now: number): void {
    this.#health.put(deployment, { usedUpUntil: usedUpUntil(pausedForMs, now) });
  }

  /** Of those whose day is used up, when the first has something left again; null = there is none. */
  usedUpUntil(now: number): number | null {
    const all = [...this.#health.all.values()].map(({ usedUpUntil: until = 0 }) => until);
    const ahead = all.filter((until) => until > now);
    return ahead.length === 0 ? null : Math.min(...ahead);
  }

  /** Whether one that failed is to be tried again soon. */
  recovering(now: number): boolean {
    const states = [...this.#health.all.values()].map((health) => standing(health, now).state);
    return states.some((state) => state === 'broken' || state === 'half_open');
  }

  look(now: number): void {
    const { fleet, random } = this.#ports;
    const pools = [...fleet.pools.values()];
    const ended = new Map([...fleet.deployments.keys()].map((id) => [id, this.#endedOf(id)]));
    const around = {
      groups: pools.flatMap(({ tiers }) => tiers),
      reaches: [...pools.flatMap((pool) => reachesOf(pool)), ...this.#asked.reaches(now)],
      weightOf: (id: string) => fleet.deployments.get(id)?.weight ?? 0,
      batchTraffic: (id: string) => this.#asked.hasBatch(id, now),
    };
    this.#health.look(ended, around, { now, random });
    this.#ended.clear();
  }

  #endedOf(id: string): EndedCalls {
    const outcomes = this.#ended.get(id) ?? [];
    const telling = outcomes.filter((outcome) => outcome === 'ok' || isFailure(outcome));
    return {
      ...lookAt(telling.map((outcome) => outcome === 'ok')),
      refused: BLOCKING.find((each) => outcomes.includes(each)) ?? null,
      latencyMs: this.#ports.learned.meanLatencyMs(id),
    };
  }
}

const isFailure = (outcome: Outcome): boolean =>
  outcome !== 'ok' && CONSEQUENCES[outcome].health === 'failure';
