/**
 * A counter that starts again at every whole minute (or ten seconds) of the wall clock. Holds whole units, at
 * least one; a debt left by a cost dearer than the window is carried into the following ones.
 * As with every fixed window, two allowances may meet at an edge.
 */
import { TOLERANCE } from './rate-window.ts';
import type { RateWindow, WindowStart } from './rate-window.ts';

export function fixedWindow(lengthMs: number, start: WindowStart): RateWindow {
  let perMinute = start.perMinute;
  let allowance = allowanceOf(perMinute, lengthMs);
  let used = allowance * (1 - start.initialFill);
  let index = indexOf(start.now);

  /** The tiny addition keeps a call at the exact start of a window from being counted into the one before. */
  function indexOf(now: number): number {
    return Math.floor((start.epochMs + now) / lengthMs + 1e-9);
  }

  function turn(now: number): void {
    const turns = indexOf(now) - index;
    if (turns <= 0) return;
    // What was used up to the allowance is forgotten with its window; only a debt beyond it is carried over.
    used = Math.max(0, used - turns * allowance);
    index += turns;
  }

  function waitMs(need: number, now: number): number {
    turn(now);
    const excess = used + Math.min(need, allowance) - allowance;
    if (excess <= TOLERANCE) return 0;
    const turns = Math.ceil((excess - TOLERANCE) / allowance);
    return Math.max(0, (index + turns) * lengthMs - (start.epochMs + now));
  }

  function take(cost: number, now: number): void {
    turn(now);
    used = Math.max(0, used + cost);
  }

  return {
    waitMs,
    take,
    flow: (cost, { now }) => take(cost, now),
    remaining: (now) => {
      turn(now);
      return allowance - used;
    },
    resetMs: (now) => waitMs(allowance, now),
    setLimit: (limit, now) => {
      turn(now);
      perMinute = limit;
      allowance = allowanceOf(limit, lengthMs);
    },
    get perMinute() {
      return perMinute;
    },
  };
}

const allowanceOf = (perMinute: number, lengthMs: number): number =>
  Math.max(1, Math.floor((perMinute * lengthMs) / 60_000 + TOLERANCE));
