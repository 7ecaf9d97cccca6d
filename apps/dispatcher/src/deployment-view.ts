/**
 * What the leader knows of one deployment: the last look at Redis, and what was placed since. Its queue is `placed − taken`:
 * placed is counted here, taken by the script that books (or by the worker that drops). Pure.
 */
import type { DeploymentLoad } from '@sluice/admission';
import { NO_PICK_UP, pickUpAfter } from '@sluice/balancing';
import type { PickUp, Rate } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Deployment } from '@sluice/job';
import { latelyAfter, NOTHING_LATELY } from './lately-ended.ts';
import type { LatelyEnded } from './lately-ended.ts';

export interface View {
  deployment: Deployment;
  load: DeploymentLoad;
  /** Of the look, for placement. */
  rates: readonly Rate[];
  readAt: number;
  /** Of the last look at which it was read, or known to rest; how long it took is reckoned from there. */
  knownAt: number;
  /** Whether nothing is on its queue, under way or booked ahead, and nothing was new at the last look. */
  rests: boolean;
  /** Counts what was placed, corrected or marked since the look. */
  changes: number;
  placed: number;
  /** What was taken of what others had placed. */
  takenBefore: number;
  /** Decaying mean of what was placed here. */
  meanCost: Cost | null;
  lately: LatelyEnded;
  pickUp: PickUp;
  /** The newest placement, and how many calls that count had ended by then: whether a trial is still out. */
  last: { at: number; ended: number };
  /** The mark before the newest (null = there was none), while no look has seen the newest; undefined = one has. */
  markBefore?: number | null | undefined;
}

const NO_TRIAL = { at: Number.NEGATIVE_INFINITY, ended: 0 } as const;

/** A deployment as a look at Redis says. */
export interface Look {
  deployment: Deployment;
  load: DeploymentLoad;
  /** Nothing keeps its workers from taking what is placed. */
  active: boolean;
}

export const firstView = ({ deployment, load }: Look, now: number): View => ({
  deployment,
  load,
  rates: bookedRates(load),
  readAt: now,
  knownAt: now,
  rests: false,
  changes: 0,
  placed: 0,
  takenBefore: load.taken,
  meanCost: null,
  lately: NOTHING_LATELY,
  pickUp: NO_PICK_UP,
  last: NO_TRIAL,
});

/** From now on only calls that begin from now on count for its trials. */
export function mark(view: View): void {
  if (view.markBefore === undefined) view.markBefore = view.load.since?.at ?? null;
  view.load = { ...view.load, since: MARKED };
  view.last = NO_TRIAL;
}

const MARKED = { at: Number.POSITIVE_INFINITY, ended: {} } as const;

export function viewAfter(before: View, look: Look, now: number): View {
  const { deployment, active } = look;
  // A look that began before the mark says nothing of it.
  const isUnseen = before.markBefore === (look.load.since?.at ?? null);
  const load = isUnseen ? { ...look.load, since: MARKED } : look.load;
  const markBefore = isUnseen ? before.markBefore : undefined;
  const { placed } = before;
  const takenBefore = Math.max(before.takenBefore, load.taken - placed);
  const pickUp = pickUpAfter(before.pickUp, {
    queued: queuedOf({ placed, load, takenBefore }),
    taken: load.taken - before.load.taken,
    idle: active && isIdle(load),
    ms: now - before.knownAt,
  });
  const lately = latelyAfter(before, load, now);
  const seen = { deployment, load, rates: bookedRates(load), readAt: now, knownAt: now };
  const rests = isSameAs(before.load, load) && nothingOn({ placed, load, takenBefore, markBefore });
  return { ...before, ...seen, markBefore, takenBefore, pickUp, lately, rests };
}

/** It was not read at this look, because it rests: it is as a look would have found it. */
export function restUntil(view: View, { active }: Pick<Look, 'active'>, now: number): void {
  const { pickUp, lately, load, knownAt } = view;
  const idle = active && isIdle(load);
  if (pickUp !== NO_PICK_UP)
    view.pickUp = pickUpAfter(pickUp, { queued: 0, taken: 0, idle, ms: now - knownAt });
  if (lately !== NOTHING_LATELY) view.lately = latelyAfter(view, load, now);
  view.knownAt = now;
}

/** No call was taken, and none ended, in between. */
const isSameAs = (before: DeploymentLoad, load: DeploymentLoad): boolean =>
  before.taken === load.taken && before.ok === load.ok && before.failed === load.failed;

/** A trial that is not counted yet, or a pause that a provider asked for, is something. */
const nothingOn = (view: Pick<View, 'placed' | 'load' | 'takenBefore' | 'markBefore'>): boolean => {
  const { load, markBefore } = view;
  return (
    queuedOf(view) === 0 &&
    load.inFlight === 0 &&
    load.refusedForMs <= 0 &&
    markBefore === undefined &&
    load.dims.every(({ aheadMs }) => aheadMs <= 0) &&
    load.slots.every(({ used }) => used === 0)
  );
};

/**
 * How far its limits are booked ahead. Objects of their own, each made at once: those of the look, put together of parts, are
 * ten times as slow to read, and placement reads them again and again.
 */
const bookedRates = ({ dims, refusedForMs }: DeploymentLoad): Rate[] =>
  dims.map(({ budget, dimension, ratePerMs: perMs, aheadMs }) => ({
    budget,
    dimension,
    perMs,
    aheadMs: Math.max(aheadMs, refusedForMs),
  }));

export const queuedOf = ({
  placed,
  load,
  takenBefore,
}: Pick<View, 'placed' | 'load' | 'takenBefore'>): number =>
  Math.max(0, placed - (load.taken - takenBefore));

/** Calls that ended since the last mark, or ever. */
export const endedOf = ({ ok, failed, since }: DeploymentLoad): number =>
  since === null
    ? ok + failed
    : Object.values(since.ended).reduce((sum: number, ended) => sum + ended, 0);

/** Whether nothing is booked of its limits: what is taken now starts now. */
const isIdle = ({ dims, concurrency, pausedForMs }: DeploymentLoad): boolean =>
  pausedForMs <= 0 &&
  dims.every(({ aheadMs }) => aheadMs <= 0) &&
  (concurrency === null || concurrency.used < concurrency.limit);
