/**
 * Late binding: how much more work a deployment may be given now. Placed work is about a second of a budget's rate,
 * over all deployments sharing it, and at least one job; the rest stays where it can still go anywhere.
 */
import {
  type Asked,
  type Candidate,
  type Cost,
  type Rate,
  costOn,
  expectedMs,
  msOf,
  unitsOf,
} from './candidate.ts';

/** How deep work is placed, and how much travels together. */
export interface Depth {
  /** Work placed ahead of a limit, ms of its rate. */
  depthMs: number;
  /** The same for interactive jobs, which overtake on the queue; absent: twice as much. */
  interactiveMs?: number;
  /** The same where there is no limit, in jobs not yet started. */
  unlimitedDepth: number;
  /** Work in one queue entry at most, ms of the deployment's pace. */
  chunkMs: number;
  /** Jobs in one queue entry at most. */
  chunkJobs: number;
}

export const DEFAULT_DEPTH: Depth = {
  depthMs: 1_000,
  unlimitedDepth: 1_000,
  chunkMs: 100,
  chunkJobs: 32,
};

/** What keeps a deployment from taking more, and for how long at most until asking again pays, ms. */
export interface Full {
  /** Null where the deployment's own concurrency or its queue's depth is what is full. */
  budget: string | null;
  /** Null where the queue's depth is full, or a probe is out. */
  dimension: Rate['dimension'] | 'concurrency' | null;
  waitMs: number;
}

/** Others than batch have a second depth of their own, so that placed batch work never keeps them off the queue. */
export function depthFor(band: Asked['band'], depth: Depth): Depth {
  if (band === 'batch') return depth;
  const twice = depth.depthMs * 2;
  const depthMs = band === 'interactive' ? (depth.interactiveMs ?? twice) : twice;
  return { ...depth, depthMs, unlimitedDepth: depth.unlimitedDepth * 2 };
}

/** How many more jobs of this cost may be placed on the deployment now; 0 = it is full. */
export function room(candidate: Candidate, cost: Cost, depth: Depth): number {
  let jobs = candidate.state === 'half_open' ? probeRoom(candidate) : Infinity;
  for (const rate of candidate.rates) jobs = Math.min(jobs, rateRoom(rate, cost, depth));
  jobs = Math.min(jobs, slotRoom(candidate, depth));
  if (jobs === Infinity) jobs = depth.unlimitedDepth - candidate.queued;
  return Math.max(0, jobs);
}

/** Whether there is room for one job: as {@link room}, without the divisions, for it is asked of every candidate. */
export function hasRoom(candidate: Candidate, cost: Cost, depth: Depth): boolean {
  if (candidate.state === 'half_open' && probeRoom(candidate) === 0) return false;
  let limited = false;
  for (const rate of candidate.rates) {
    if (unitsOf(cost, rate.dimension) <= 0) continue;
    if (rate.aheadMs >= depth.depthMs || rate.perMs <= 0) return false;
    limited = true;
  }
  if (isWithoutSlots(candidate)) return limited || candidate.queued < depth.unlimitedDepth;
  return hasFreeSlot(candidate) || slotRoom(candidate, depth) > 0;
}

/** The same for one job of those asked for. */
export const hasRoomFor = (asked: Asked, candidate: Candidate, depth: Depth): boolean =>
  isFarFromFull(asked, candidate, depth) || hasRoom(candidate, costOn(asked, candidate), depth);

/** What is spoken for less far than the depth, with the job, has room: where that is kept, its limits are not looked at again. */
function isFarFromFull({ spokenForAt }: Asked, candidate: Candidate, depth: Depth): boolean {
  const spokenForMs = spokenForAt?.[candidate.at ?? -1];
  return (
    spokenForMs !== undefined &&
    spokenForMs < depth.depthMs &&
    candidate.state === 'active' &&
    candidate.queued + candidate.inFlight < depth.unlimitedDepth &&
    sharedWithin(candidate, depth)
  );
}

/** Whether of what it shares no more calls wait for a slot than are placed where there is no limit. */
function sharedWithin({ sharedSlots }: Candidate, { unlimitedDepth }: Depth): boolean {
  if (sharedSlots === undefined) return true;
  for (const { taken, limit } of sharedSlots) if (taken >= limit + unlimitedDepth) return false;
  return true;
}

const isWithoutSlots = ({ concurrency, sharedSlots }: Candidate): boolean =>
  concurrency === null && (sharedSlots === undefined || sharedSlots.length === 0);

/** Whether one of each of its limits on calls at once is free: most often it is, and then nothing is to be reckoned. */
function hasFreeSlot({ concurrency, queued, inFlight, sharedSlots }: Candidate): boolean {
  if (concurrency !== null && queued + inFlight >= concurrency) return false;
  if (sharedSlots === undefined) return true;
  for (const { taken, limit } of sharedSlots) if (taken >= limit) return false;
  return true;
}

/**
 * How many jobs of this cost may travel as one queue entry: what the deployment gets through in `chunkMs`, within
 * its room, at least 1. A long entry would pin work to one worker and one deployment.
 */
export function chunkSize(candidate: Candidate, cost: Cost, depth: Depth): number {
  const jobs = Math.min(
    paceWithin(candidate, cost, depth.chunkMs),
    room(candidate, cost, depth),
    depth.chunkJobs,
  );
  return Math.max(1, Math.floor(jobs));
}

/** What a deployment without room is waiting for: of several full limits, the one that takes longest. */
export function fullFor(candidate: Candidate, cost: Cost, depth: Depth): Full {
  let full: Full = { budget: null, dimension: null, waitMs: 1 };
  for (const rate of candidate.rates) {
    const waitMs = rateWaitMs(rate, cost, depth);
    if (waitMs >= full.waitMs) full = { budget: rate.budget, dimension: rate.dimension, waitMs };
  }
  if (full.dimension !== null) return full;
  return slotRoom(candidate, depth) <= 0 ? fullSlots(candidate, depth) : full;
}

const probeRoom = (candidate: Candidate): number =>
  candidate.queued + candidate.inFlight === 0 ? 1 : 0;

/** The last job may reach beyond the depth: that is what makes it "at least one job" on slow limits. */
function rateRoom(rate: Rate, cost: Cost, depth: Depth): number {
  const each = msOf(cost, rate);
  if (each === 0) return Infinity;
  if (each === Infinity || rate.aheadMs >= depth.depthMs) return 0;
  return Math.max(1, Math.floor((depth.depthMs - rate.aheadMs) / each));
}

/** 0 while there is room. One ms more than the excess, for at exactly `depthMs` there is still none. */
function rateWaitMs(rate: Rate, cost: Cost, depth: Depth): number {
  if (rateRoom(rate, cost, depth) > 0) return 0;
  return rate.perMs > 0 ? Math.floor(rate.aheadMs - depth.depthMs) + 1 : Infinity;
}

/** Slots, plus what they get through in `depthMs` (at least one job), less what is placed or running. */
function slotRoom(candidate: Candidate, depth: Depth): number {
  let jobs = Infinity;
  if (candidate.concurrency !== null)
    jobs = within(candidate, candidate.concurrency, depth) - candidate.queued - candidate.inFlight;
  if (candidate.sharedSlots === undefined) return jobs;
  for (const slots of candidate.sharedSlots)
    jobs = Math.min(jobs, within(candidate, slots.limit, depth) - slots.taken);
  return jobs;
}

function within(candidate: Candidate, limit: number, depth: Depth): number {
  if (limit <= 0) return 0;
  const ahead = Math.ceil((limit * depth.depthMs) / expectedMs(candidate));
  return limit + Math.min(Math.max(1, ahead), depth.unlimitedDepth);
}

function fullSlots(candidate: Candidate, depth: Depth): Full {
  const shared = candidate.sharedSlots?.find(
    (slots) => within(candidate, slots.limit, depth) <= slots.taken,
  );
  const limit = shared?.limit ?? candidate.concurrency ?? 0;
  const waitMs = limit > 0 ? Math.max(1, Math.ceil(expectedMs(candidate) / limit)) : Infinity;
  return { budget: shared?.budget ?? null, dimension: 'concurrency', waitMs };
}

/** Jobs the deployment gets through in so many ms at its steady pace; Infinity without limits. */
export function paceWithin(candidate: Candidate, cost: Cost, ms: number): number {
  let jobs = Infinity;
  for (const rate of candidate.rates) jobs = Math.min(jobs, ms / msOf(cost, rate));
  const perSlot = ms / expectedMs(candidate);
  if (candidate.concurrency !== null) jobs = Math.min(jobs, candidate.concurrency * perSlot);
  for (const slots of candidate.sharedSlots ?? []) jobs = Math.min(jobs, slots.limit * perSlot);
  return jobs;
}
