/**
 * The budgets of a fleet in memory: the arithmetic that production runs in Redis, by the specification in
 * packages/budget. One state per root, as there.
 */
import {
  ASK_AHEAD_MS,
  HOLE_MS,
  RENEWAL_MS,
  WINDOWED_DIMENSIONS,
  answeredOf,
  book,
  budgetIn,
  correctionsOf,
  easedPart,
  easedRules,
  fullState,
  liveLeases,
  observe,
  refundsOf,
  refuse,
  rulesOf,
  settle,
} from '@sluice/budget';
import type { AdmissionState, Band, Booking, BudgetRules, Cost, Refusal } from '@sluice/budget';
import type { Deployment, Fleet } from '@sluice/job';
import type { Dimension } from '@sluice/windows';
import { levelsOf, usedUpMs, windowsOf } from './levels.ts';
import type { Levels } from './levels.ts';
import type { Settings } from './scenario.ts';

export interface Booked {
  /** Positions of calls for which too little is left of a day or month; they may go elsewhere. */
  passedOver: number[];
  /** When each call of the granted prefix of the others starts. */
  starts: number[];
  /** When to ask again for the rest; null when all were granted. */
  askAgainMs: number | null;
  /** Whether the rest waits for a call to end, or for a limit per day or month. */
  byPermit: boolean;
  byDay: boolean;
}

export interface Ended {
  lease: string;
  expected: Cost;
  /** null: not known. */
  actual: Cost | null;
  tookMs: number;
  heldMs: number;
  answered: boolean;
}

/** As the worker adds it to the timeout of a call. */
const LEASE_MARGIN_MS = 5_000;

interface Drawn {
  root: string;
  /** As they are now, and without a slow start. */
  rules: BudgetRules[];
  whole: readonly BudgetRules[];
  leaseMs: number;
}

export class Budgets {
  readonly #drawn = new Map<string, Drawn>();
  readonly #states = new Map<string, AdmissionState>();

  constructor(fleet: Fleet, { pacing }: Pick<Settings, 'pacing'>) {
    const rules = new Map([...fleet.budgets].map(([id, budget]) => [id, rulesOf(budget, pacing)]));
    for (const deployment of fleet.deployments.values()) {
      const whole = deployment.budgets.map((id) => rules.get(id) as BudgetRules);
      this.#drawn.set(deployment.id, {
        root: deployment.root,
        rules: whole,
        whole,
        leaseMs: leaseMsOf(deployment),
      });
      this.#states.set(deployment.root, fullState());
    }
  }

  /** The part of its own limits that each uses, above 0 and up to 1: less than all while it starts slowly. */
  ease(shares: ReadonlyMap<string, number>): void {
    for (const [id, share] of shares) {
      const drawn = this.#of(id);
      const part = easedPart(share);
      drawn.rules = drawn.whole.map((rule) => (rule.budget === id ? easedRules(rule, part) : rule));
    }
  }

  /** Books calls in order. */
  book(
    deployment: string,
    { costs, band, leases }: { costs: Cost[]; band: Band; leases: string[] },
    now: number,
  ): Booked {
    const { root, rules, leaseMs } = this.#of(deployment);
    const request = { rules, costs, band, leases, leaseMs, passOverMs: RENEWAL_MS };
    const { state, decision } = book(this.#state(root), request, now);
    this.#states.set(root, state);
    const dimension = decision.binding?.dimension;
    const byDay = WINDOWED_DIMENSIONS.some((each) => each === dimension);
    const byPermit = dimension === 'concurrency';
    const { passedOver, starts } = decision;
    return { passedOver, starts, askAgainMs: askAgainMs(decision), byPermit, byDay };
  }

  settle(deployment: string, ended: Ended, now: number): void {
    const { root, rules } = this.#of(deployment);
    const { answered, ...call } = ended;
    const { lease, tookMs } = call;
    const corrections = rules.map((rule) => correctionsOf(rule, [call]));
    const answers = answered ? 1 : 0;
    const known = answeredOf([call]);
    const times = {
      longestMs: tookMs,
      quickestMs: answered ? tookMs : 0,
      answers,
      answered: known,
    };
    const request = { rules, corrections, leases: [lease], ...times };
    this.#states.set(root, settle(this.#state(root), request, now));
  }

  /** Takes back a booking whose call is not made. */
  release(deployment: string, { lease, cost }: { lease: string; cost: Cost }, now: number): void {
    const { root, rules } = this.#of(deployment);
    const corrections = rules.map((rule) => refundsOf(rule, [cost]));
    const request = {
      rules,
      corrections,
      leases: [lease],
      longestMs: 0,
      quickestMs: 0,
      answers: 0,
      answered: answeredOf([]),
    };
    this.#states.set(root, settle(this.#state(root), request, now));
  }

  /** The provider answered 429. */
  refuse(
    deployment: string,
    refusal: Omit<Refusal, 'rules' | 'leaseMs'>,
    { now, random }: { now: number; random: number },
  ): void {
    const { root, rules, leaseMs } = this.#of(deployment);
    const whole = { ...refusal, rules, leaseMs };
    this.#states.set(root, refuse(this.#state(root), whole, { now, random }));
  }

  /** An answer's headers. */
  observe(
    deployment: string,
    reports: readonly { dimension: Dimension; limit: number; remaining: number }[],
    now: number,
  ): void {
    const { root, rules } = this.#of(deployment);
    const state = reports.reduce(
      (next, report) => observe(next, { rules, ...report }, now),
      this.#state(root),
    );
    this.#states.set(root, state);
  }

  levels(deployment: string, now: number): Levels {
    const { root, rules, whole, leaseMs } = this.#of(deployment);
    const state = this.#state(root);
    const paused = rules.map(({ budget }) => budgetIn(state, budget).pausedUntil - now);
    const refusedForMs = Math.max(0, ...paused);
    return {
      rates: rules.flatMap((rule, i) =>
        levelsOf(state, { rules: rule, whole: whole[i] as BudgetRules }, now),
      ),
      windows: rules.flatMap((rule) => windowsOf(state, rule, now)),
      pausedForMs: Math.max(refusedForMs, ...rules.map((rule) => usedUpMs(state, rule, now))),
      refusedForMs,
      permits: new Map(
        rules.map(({ budget }) => [
          budget,
          Object.keys(liveLeases(state, budget, { now, leaseMs })).length,
        ]),
      ),
    };
  }

  #of(deployment: string): Drawn {
    const drawn = this.#drawn.get(deployment);
    if (!drawn) throw new RangeError(`no such deployment: ${deployment}`);
    return drawn;
  }

  #state(root: string): AdmissionState {
    return this.#states.get(root) as AdmissionState;
  }
}

const leaseMsOf = ({ timeoutMs }: Deployment): number => timeoutMs + LEASE_MARGIN_MS;

/** As packages/admission: a little before the start; where booking ahead would leave a hole, just before it. */
function askAgainMs({ waitMs, binding, ahead }: Booking): number | null {
  if (waitMs === null || binding === null) return null;
  if (binding.dimension === 'concurrency') return waitMs;
  return Math.max(1, waitMs - (ahead ? ASK_AHEAD_MS : HOLE_MS / 2));
}
