/**
 * A log of what was charged in the last `lengthMs`: exact, every stretch of that length admits at most the limit.
 * A cost dearer than the window stays in the log longer in proportion, which is its debt.
 */
import { TOLERANCE } from './rate-window.ts';
import type { RateWindow, WindowStart } from './rate-window.ts';

export function slidingWindow(lengthMs: number, start: WindowStart): RateWindow {
  let perMinute = start.perMinute;
  let costs: number[] = [];
  let expiries: number[] = [];
  let head = 0;
  let sum = 0;
  if (start.initialFill < 1) push(perMinute * (1 - start.initialFill), start.now);

  function push(cost: number, now: number): void {
    const expiry = now + lengthMs * Math.max(1, cost / perMinute);
    costs.push(cost);
    // Expiries stay in order: whatever follows a debt waits behind it anyway.
    expiries.push(Math.max(expiry, expiries.at(-1) ?? 0));
    sum += cost;
  }

  function expire(now: number): void {
    while (head < costs.length && (expiries[head] as number) <= now + TOLERANCE) {
      sum -= costs[head] as number;
      head += 1;
    }
    if (head === costs.length) sum = 0;
    if (head > 1_024 && head * 2 > costs.length) {
      costs = costs.slice(head);
      expiries = expiries.slice(head);
      head = 0;
    }
  }

  function waitMs(need: number, now: number): number {
    expire(now);
    let excess = sum + Math.min(need, perMinute) - perMinute;
    if (excess <= TOLERANCE) return 0;
    for (let at = head; at < costs.length; at += 1) {
      excess -= costs[at] as number;
      if (excess <= TOLERANCE) return (expiries[at] as number) - now;
    }
    return lengthMs;
  }

  function take(cost: number, now: number): void {
    expire(now);
    push(cost, now);
  }

  return {
    waitMs,
    take,
    flow: (cost, { now }) => take(cost, now),
    remaining: (now) => {
      expire(now);
      return perMinute - sum;
    },
    resetMs: (now) => {
      expire(now);
      return head === costs.length ? 0 : (expiries.at(-1) as number) - now;
    },
    setLimit: (limit, now) => {
      expire(now);
      perMinute = limit;
    },
    get perMinute() {
      return perMinute;
    },
  };
}
