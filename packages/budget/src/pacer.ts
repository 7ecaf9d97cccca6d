/**
 * One rate limit as GCRA (generic cell rate algorithm): a bucket kept as one moment, `fullAt`, at which it will be
 * full again. Costs are in milliseconds of rate.
 *
 * Why starts in any order are safe. Booked in the order 1…n, each charge moves `fullAt` by its cost at least, and
 * start j ≥ fullAt(j) − max(burst, cost j). So what is booked from i to j costs at most
 * fullAt(j) − start i ≤ (start j − start i) + max(burst, cost j): never more than burst + rate × w in a window w,
 * save that a call bigger than the burst goes alone from a full bucket and leaves a debt.
 */

export interface Pacer {
  /** When the bucket will be full if nothing more is booked, ms. In the past: it is full. */
  fullAt: number;
  /** Booked but not used, ms of rate: pays later debts, never further calls. */
  credit: number;
  /** Output that was booked and not produced, given to further calls at once: less what it fell by since, ms of rate at `givenAt`. */
  given: number;
  givenAt: number;
}

/** A bucket that nothing was ever taken from. */
export const FULL_PACER: Pacer = { fullAt: 0, credit: 0, given: 0, givenAt: 0 };

/**
 * The longest that a limit per minute may make anybody wait for what was booked before, ms. Whatever a provider counts by, a
 * minute after the last call all of it is free again. More stands there only by mistake: a limit that was wrong for a
 * while, a call that could never be made.
 */
export const LONGEST_DEBT_MS = 60_000;

/**
 * Part of the time by which what was given falls. A pace leaves a little of the limit, so the provider's bucket regains what was
 * taken; beside that chance must not use up what may be given: what calls are expected to produce is right on average only.
 */
export const GIVEN_SHARE = 0.05;

/** The pacer without a debt that no provider would remember; a single unit that takes longer is waited for. */
export function withoutOldDebt(pacer: Pacer, msPerUnit: number, now: number): Pacer {
  const most = now + Math.max(LONGEST_DEBT_MS, msPerUnit);
  return pacer.fullAt > most ? { ...pacer, fullAt: most } : pacer;
}

/** When a call of this cost may start, given the part of the burst it may use. */
export const earliestStart = (pacer: Pacer, costMs: number, burstMs: number): number =>
  pacer.fullAt - Math.max(0, burstMs - costMs);

/** The pacer after a call booked to start at `start`. */
export const charge = (pacer: Pacer, costMs: number, start: number): Pacer => ({
  ...pacer,
  fullAt: Math.max(pacer.fullAt, start) + costMs,
});

/**
 * Settles a difference between actual and expected cost. A debt is paid from the credit first, the rest postpones
 * what is booked next. Unused cost becomes credit up to `mostCredit`; it never makes a call start earlier: the
 * provider's bucket may have been full meanwhile, and what overflows there is gone.
 */
export function settlePacer(
  pacer: Pacer,
  debtMs: number,
  { now, mostCredit }: { now: number; mostCredit: number },
): Pacer {
  const balance = pacer.credit - debtMs;
  if (balance >= 0) return { ...pacer, credit: Math.min(mostCredit, balance) };
  return { ...pacer, fullAt: Math.max(pacer.fullAt, now) - balance, credit: 0 };
}

/**
 * Settles output that the provider counted as it was produced. What it was more than expected is a debt. What it was less was
 * never taken there, so it may be used at once, as far as it can still be there: a provider's bucket may hold a second and no
 * more. Where much was booked too much, as for the first calls, of whose length nothing is known, most of it ran over meanwhile
 * (measured: all of it given back, a bucket of a second refused a call five seconds after the first of each run).
 */
export function settleProduced(
  pacer: Pacer,
  debtMs: number,
  { now, mostGiven }: { now: number; mostGiven: number },
): Pacer {
  if (debtMs === 0) return pacer;
  const given = Math.max(0, pacer.given - Math.max(0, now - pacer.givenAt) * GIVEN_SHARE);
  if (debtMs > 0)
    return {
      ...pacer,
      fullAt: Math.max(pacer.fullAt, now) + debtMs,
      given: Math.max(0, given - debtMs),
      givenAt: now,
    };
  const gives = Math.max(0, Math.min(-debtMs, mostGiven - given));
  return { ...pacer, fullAt: pacer.fullAt - gives, given: given + gives, givenAt: now };
}

/**
 * Lowers the level to what the provider says is left, in whole units: as long as ours has no whole unit more, it says the same
 * as we think. (A limit of 34 a minute would wait a call's time for each of its calls.)
 */
export function lowerTo(
  pacer: Pacer,
  left: number,
  { now, burstMs, msPerUnit }: { now: number; burstMs: number; msPerUnit: number },
): Pacer {
  const levelMs = burstMs - Math.max(0, pacer.fullAt - now);
  if (levelMs < (left + 1) * msPerUnit) return pacer;
  return { ...pacer, fullAt: now + burstMs - left * msPerUnit };
}

/** Empty at `until`: what a provider refused says that its bucket was. */
export const emptyAt = (pacer: Pacer, until: number, burstMs: number): Pacer => ({
  ...pacer,
  fullAt: Math.max(pacer.fullAt, until + burstMs),
});
