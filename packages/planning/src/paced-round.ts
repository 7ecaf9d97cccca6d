/**
 * The least time for a set of classes, where some belong to tenants with limits of their own. Such a class may not need to
 * be done when the others are: it takes of the fleet only what its limits let through until then, so the others end sooner
 * than if it were in their way with all of its jobs.
 */
import type { Limits } from './limits.ts';
import { leastTime } from './least-time.ts';
import type { JobClass } from './problem.ts';

export interface Round {
  limits: Limits;
  /** When the last call starts of all but the paced, ms. */
  waitMs: number;
  /** The same were there no limits of tenants, ms. */
  plainMs: number;
  /** By arc of these limits, of its class; of the paced what starts until `waitMs`. */
  shares: Float64Array;
  /** By arc, where all of its class would go without limits of tenants. */
  plainShares: Float64Array;
  /** By limit, ms per unit at the start. */
  prices: number[];
  /** Ids of the classes that go at their tenant's pace. */
  paced: ReadonlySet<string>;
  /** Ids of those, and of the classes whose jobs cost time. */
  settled: ReadonlySet<string>;
}

export type RoundResult = { kind: 'solved'; round: Round } | { kind: 'failed'; reason: string };

const NO_PRICE = 1e-9;
/** Ends this near to each other, as a part, are one. */
const SAME = 1e-6;
/** Those that go at a pace let others end sooner, beside which more of them may need one. */
const MOST_LOOKS = 3;
const NOBODY: ReadonlySet<string> = new Set();

/** Every class must have a place that can run it. */
export async function pacedRound(limits: Limits): Promise<RoundResult> {
  const plain = await solveRound(limits, NOBODY);
  if (plain.kind === 'failed') return plain;
  const { plainMs, plainShares } = plain.round;
  let { round } = plain;
  for (let look = 0; look < MOST_LOOKS; look += 1) {
    const paced = heldBeyond(limits, round.waitMs);
    if (paced.size === round.paced.size) break;
    if (limits.arcs.every(({ jobClass }) => paced.has(jobClass.id)))
      return { kind: 'solved', round: onlyPaced(round, paced) };
    const next = await solveRound(limits, paced);
    // What failed for rounding stays as it was: slower, and as true.
    if (next.kind === 'failed') break;
    round = { ...next.round, plainMs, plainShares };
  }
  return { kind: 'solved', round };
}

/** Ids of the classes that their tenants' limits hold longer than that. */
function heldBeyond({ arcs }: Limits, waitMs: number): Set<string> {
  const held = arcs.filter(({ jobClass: { shaped } }) => (shaped?.ms ?? 0) > waitMs * (1 + SAME));
  return new Set(held.map(({ jobClass }) => jobClass.id));
}

/** Nothing of the fleet costs time: its tenants' limits alone do. */
const onlyPaced = (round: Round, paced: ReadonlySet<string>): Round => ({
  ...round,
  paced,
  settled: paced,
  prices: round.prices.map(() => 0),
});

/** By arc, the part of its class that it has when all of it is done. */
export function lastShares({ limits, shares, plainShares, paced }: Round): number[] {
  const sums = new Map<JobClass, number>();
  for (const [index, { jobClass }] of limits.arcs.entries())
    sums.set(jobClass, (sums.get(jobClass) ?? 0) + (shares[index] as number));
  return limits.arcs.map(({ jobClass }, index) => {
    if (!paced.has(jobClass.id)) return shares[index] as number;
    const sum = sums.get(jobClass) ?? 0;
    // Nothing of it is let through where the others are done at once.
    return sum > NO_PRICE ? (shares[index] as number) / sum : (plainShares[index] as number);
  });
}

async function solveRound(limits: Limits, paced: ReadonlySet<string>): Promise<RoundResult> {
  const found = await leastTime({ ...limits, leastMs: 0 }, paced);
  if (found.kind === 'failed') return found;
  if (found.kind === 'infeasible')
    return { kind: 'failed', reason: 'some class needs a limit of which nothing ever comes' };
  const { columns: shares, rowPrices } = found.solution;
  const { unitMs, scales } = found.program;
  const settled = new Set(paced);
  let row = limits.limits.length;
  for (const [index, { jobClass }] of limits.arcs.entries()) {
    if (limits.arcs[index + 1]?.jobClass === jobClass) continue;
    if ((rowPrices[row] as number) > NO_PRICE) settled.add(jobClass.id);
    row += 1;
  }
  const prices = scales.map(
    (scale, index) => Math.max(0, -(rowPrices[index] as number)) * unitMs * scale,
  );
  const { waitMs } = found;
  const round = { limits, waitMs, plainMs: waitMs, shares, plainShares: shares, prices };
  return { kind: 'solved', round: { ...round, paced, settled } };
}
