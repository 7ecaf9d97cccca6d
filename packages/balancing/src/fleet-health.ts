/**
 * Health of all deployments, moved on by the calls that ended since the last look: block, breaker, and how each does against
 * its peers. Production and simulation count calls in ways of their own; what follows from the counts is decided here. Pure:
 * time and chance are arguments.
 */
import { afterFact, isDue } from './block.ts';
import type { Block, BlockReason } from './block.ts';
import { afterLook, isSteady, newBreaker, triedFrom } from './breaker.ts';
import type { Look } from './breaker.ts';
import { isLast } from './asked-lately.ts';
import { failingMost } from './failing.ts';
import type { Answered } from './failing.ts';
import { OUTLIER, afterInterval } from './outliers.ts';
import type { Measured, Slowness } from './outliers.ts';
import { standing } from './standing.ts';
import type { Health } from './standing.ts';
import { isUsable } from './takes.ts';

/** Of one deployment: calls that ended since the last look. Leave out those from before its trials began. */
export interface EndedCalls extends Pick<Look, 'ok' | 'failures' | 'failuresAtEnd'> {
  /** Why it refused one of them for good; null = it did not. */
  refused: BlockReason | null;
  /** Mean duration of its answers, ms; null before the first. */
  latencyMs: number | null;
}

/** What stands around the deployments. */
export interface Surroundings {
  /** Deployments whose answers are accepted as equal. */
  groups: readonly (readonly string[])[];
  /** The deployments that each kind of jobs may use. */
  reaches: readonly (readonly string[])[];
  weightOf: (deployment: string) => number;
  /** Whether batch jobs go through some pool of the deployment. */
  batchTraffic: (deployment: string) => boolean;
}

interface Moment {
  now: number;
  /** Uniform in [0, 1). */
  random: () => number;
}

export class FleetHealth {
  readonly #health = new Map<string, Health>();
  /** Calls that ended since the last comparison with peers. */
  readonly #interval = new Map<string, Answered>();
  #slowness: ReadonlyMap<string, Slowness> = new Map();
  #comparedAt = 0;

  get all(): ReadonlyMap<string, Health> {
    return this.#health;
  }

  /** The deployments as they are from now on: new ones are well, those that are not named are forgotten. */
  follow(deployments: ReadonlySet<string>, now: number): void {
    for (const id of this.#health.keys()) if (!deployments.has(id)) this.#forget(id);
    for (const id of deployments)
      if (!this.#health.has(id))
        this.#health.set(id, { wish: 'active', block: null, breaker: newBreaker(now) });
  }

  #forget(id: string): void {
    this.#health.delete(id);
    this.#interval.delete(id);
  }

  /** What is known of a deployment from elsewhere: the operator's wish, its day, what a leader before knew. */
  put(id: string, about: Partial<Health>): void {
    const health = this.#health.get(id);
    if (health && !says(health, about)) this.#health.set(id, { ...health, ...about });
  }

  /** What refused them may be mended now: blocks are tried at once. */
  configChanged(now: number): void {
    for (const [id, { block }] of this.#health)
      this.put(id, { block: afterFact(block, { kind: 'config_changed' }, now) });
  }

  /** Call it now and then without ended calls too, for time alone ends a back-off. One that is not in `ended` stays as it is. */
  look(ended: ReadonlyMap<string, EndedCalls>, around: Surroundings, moment: Moment): void {
    for (const [id, calls] of ended) this.#count(id, calls);
    const most = this.#compare(ended, around.groups, moment.now);
    for (const [id, calls] of ended)
      this.#move(id, { calls, failsMost: most.has(id), around }, moment);
  }

  /** From when on a job tries it, ms; null where nothing keeps the next one from it. */
  triedFrom(id: string, around: Surroundings, now: number): number | null {
    const health = this.#health.get(id);
    if (!health) return null;
    const { block, breaker } = health;
    const at = block ? block.retryAt : triedFrom(breaker, this.#askedOf(id, around, now));
    return at !== null && at > now ? at : null;
  }

  /** What decides when a sick one is tried. Reckoned when it is read: of those that are well it is not. */
  #askedOf(
    id: string,
    around: Surroundings,
    now: number,
  ): Pick<Look, 'lastInPool' | 'batchTraffic'> {
    const usable = (other: string): boolean => {
      const health = this.#health.get(other);
      return !!health && isUsable({ ...standing(health, now), weight: around.weightOf(other) });
    };
    return {
      get lastInPool() {
        return isLast(id, around.reaches, usable);
      },
      get batchTraffic() {
        return around.batchTraffic(id);
      },
    };
  }

  #move(
    id: string,
    { calls, failsMost, around }: { calls: EndedCalls; failsMost: boolean; around: Surroundings },
    moment: Moment,
  ): void {
    const health = this.#health.get(id);
    if (!health || (!failsMost && isSteady(health.breaker) && isNothing(calls))) return;
    // It takes on what it is given: spread, all that is asked would be reckoned.
    const look = Object.assign(this.#askedOf(id, around, moment.now), { ...calls, failsMost });
    const breaker = afterLook(health.breaker, look, moment);
    this.put(id, { breaker, block: blockAfter(health.block, calls, moment.now) });
  }

  #count(id: string, { ok, failures }: EndedCalls): void {
    if (ok + failures === 0) return;
    const sum = this.#interval.get(id) ?? { ok: 0, failures: 0 };
    this.#interval.set(id, { ok: sum.ok + ok, failures: sum.failures + failures });
  }

  /** Every ten seconds: who is much slower than those whose answers are accepted as equal, and, as the answer, who fails much more. */
  #compare(
    ended: ReadonlyMap<string, EndedCalls>,
    groups: Surroundings['groups'],
    now: number,
  ): ReadonlySet<string> {
    if (now - this.#comparedAt < OUTLIER.intervalMs) return new Set();
    this.#comparedAt = now;
    const measured = new Map<string, Measured>();
    for (const [id, { latencyMs }] of ended) {
      const calls = this.#interval.get(id)?.ok ?? 0;
      if (latencyMs !== null) measured.set(id, { latencyMs, calls });
    }
    this.#slowness = afterInterval(this.#slowness, measured, groups);
    for (const id of this.#health.keys())
      this.put(id, { slow: this.#slowness.get(id)?.slow ?? false });
    const most = failingMost(this.#interval, groups);
    this.#interval.clear();
    return most;
  }
}

/** Whether all of it is known of it already. */
const says = (health: Health, about: Partial<Health>): boolean =>
  (Object.keys(about) as (keyof Health)[]).every(
    (name) => name in health && health[name] === about[name],
  );

/** Without such, nothing moves but what time alone moves. */
const isNothing = ({ ok, failures, refused }: EndedCalls): boolean =>
  ok + failures === 0 && refused === null;

function blockAfter(block: Block | null, { ok, refused }: EndedCalls, now: number): Block | null {
  if (refused) return afterFact(block, { kind: 'refused', reason: refused }, now);
  // Before the block is due for a try, a success is of a call from before it.
  const tried = block !== null && isDue(block, now);
  return tried && ok > 0 ? afterFact(block, { kind: 'succeeded' }, now) : block;
}
