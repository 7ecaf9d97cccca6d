/**
 * A strict token bucket: holds `lengthMs` of the rate, never less than one unit, and fills continuously.
 * In any stretch of t ms it admits at most its capacity (or the one dearer cost) + rate × t.
 */
import { TOLERANCE } from './rate-window.ts';
import type { RateWindow, WindowStart } from './rate-window.ts';

export function tokenBucket(lengthMs: number, start: WindowStart): RateWindow {
  let perMinute = start.perMinute;
  let perMs = perMinute / 60_000;
  let capacity = Math.max(1, perMs * lengthMs);
  let level = capacity * start.initialFill;
  let filledAt = start.now;

  function fill(now: number): void {
    if (now <= filledAt) return;
    level = Math.min(capacity, level + (now - filledAt) * perMs);
    filledAt = now;
  }

  return {
    waitMs: (need, now) => {
      fill(now);
      const missing = Math.min(need, capacity) - level;
      return missing <= TOLERANCE ? 0 : missing / perMs;
    },
    take: (cost, now) => {
      fill(now);
      level = Math.min(capacity, level - cost);
    },
    flow: (cost, { since, now }) => {
      fill(since);
      level -= cost;
      fill(now);
    },
    remaining: (now) => {
      fill(now);
      return level;
    },
    resetMs: (now) => {
      fill(now);
      return (capacity - level) / perMs;
    },
    setLimit: (limit, now) => {
      fill(now);
      perMinute = limit;
      perMs = limit / 60_000;
      capacity = Math.max(1, perMs * lengthMs);
      level = Math.min(capacity, level);
    },
    get perMinute() {
      return perMinute;
    },
  };
}
