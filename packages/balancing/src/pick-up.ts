/**
 * How long placed work takes until its start is booked although no limit holds it up: workers that are busy, a slow way to
 * Redis. By Little's law that is what lies on the queue, over what is taken from it per time. Placed less deep than that, a
 * deployment stands idle in between.
 */

/** Of about the last seconds. */
export interface PickUp {
  /** Jobs × ms that lay on the queue while the limits had nothing booked. */
  waitedMs: number;
  /** Jobs that were taken meanwhile. */
  taken: number;
}

export interface Look {
  /** Jobs on the queue. */
  queued: number;
  /** Jobs taken since the look before. */
  taken: number;
  /** Whether the limits had nothing booked: a job that is taken now starts now. */
  idle: boolean;
  /** Since the look before. */
  ms: number;
}

export const NO_PICK_UP: PickUp = { waitedMs: 0, taken: 0 };

const REMEMBERED_MS = 5_000;
/** Where limits are what work waits for, nothing is learnt; what was is doubted after a while. */
const DOUBTED_MS = 20_000;

export function pickUpAfter(before: PickUp, { queued, taken, idle, ms }: Look): PickUp {
  if (!idle) return { ...before, waitedMs: before.waitedMs * Math.exp(-ms / DOUBTED_MS) };
  const kept = Math.exp(-ms / REMEMBERED_MS);
  return {
    waitedMs: before.waitedMs * kept + queued * ms,
    taken: before.taken * kept + Math.max(0, taken),
  };
}

/** Ms per job; towards 0 while limits are what work waits for. */
export const pickUpMs = ({ waitedMs, taken }: PickUp): number => waitedMs / Math.max(1, taken);
