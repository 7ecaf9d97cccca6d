/**
 * The limits as a linear program in well-scaled figures. Unknowns: for each arc the share (0…1) of its class, and the
 * time A in units of `unitMs`, a first guess of the answer. Each limit's row is divided by what comes of it in that
 * time, so that requests, millions of tokens and slots all become figures around 1.
 */
import type { ModelData } from 'highs';
import type { Arc, Limit, Limits } from './limits.ts';
import { SparseRows } from './sparse-rows.ts';

export interface LinearProgram {
  model: ModelData;
  /** What A is counted in. Always the last column. */
  unitMs: number;
  /** Factor by which each limit's row was multiplied; rows come in the order of the limits. */
  scales: number[];
}

/** `paced`: ids of classes of which only so much has to run by A as their tenants' limits let through by then, share = A ÷ `shaped.ms`. */
export function linearProgram(
  about: Limits,
  paced: ReadonlySet<string> = new Set(),
): LinearProgram {
  const { arcs, limits, leastMs } = about;
  const unitMs = Math.max(1, leastMs, guessMs(arcs, limits));
  const scales = limits.map((limit) => scaleOf(limit, arcs, unitMs));
  const shares = arcs.map(() => 0);
  const model: ModelData = {
    numCols: arcs.length + 1,
    colCost: [...shares, 1],
    colLower: [...shares, leastMs / unitMs],
    colUpper: [...shares.map(() => 1), Infinity],
    ...rowsOf(about, { unitMs, scales, paced }),
  };
  return { model, unitMs, scales };
}

/** Limits first, then the classes, whose shares each add up to all of it, or to what its pace lets through. */
function rowsOf(
  { arcs, limits }: Limits,
  about: { unitMs: number; scales: readonly number[]; paced: ReadonlySet<string> },
) {
  const { unitMs, scales, paced } = about;
  const rows = new SparseRows(arcs.length + 1);
  for (const [index, { start, perMs, uses }] of limits.entries()) {
    const scale = scales[index] as number;
    for (const { arc, perJob } of uses) rows.put(arc, perJob * jobsOf(arcs, arc) * scale);
    if (perMs > 0) rows.put(arcs.length, -perMs * unitMs * scale);
    rows.end(-Infinity, start * scale);
  }
  for (const [index, { jobClass }] of arcs.entries()) {
    rows.put(index, 1);
    if (arcs[index + 1]?.jobClass === jobClass) continue;
    const pace = paced.has(jobClass.id) ? unitMs / (jobClass.shaped?.ms ?? unitMs) : 0;
    if (pace > 0) rows.put(arcs.length, -pace);
    rows.end(pace > 0 ? 0 : 1, pace > 0 ? 0 : 1);
  }
  return rows.finished();
}

/** The time it takes when every class goes to the one deployment that is quickest for it: the right order of magnitude. */
function guessMs(arcs: readonly Arc[], limits: readonly Limit[]): number {
  const alone = new Float64Array(arcs.length);
  for (const { perMs, uses } of limits)
    for (const { arc, perJob } of uses)
      alone[arc] = Math.max(alone[arc] as number, (perJob * jobsOf(arcs, arc)) / perMs);
  let guess = 0;
  let quickest = Infinity;
  for (const [index, { jobClass }] of arcs.entries()) {
    quickest = Math.min(quickest, alone[index] as number);
    if (arcs[index + 1]?.jobClass === jobClass) continue;
    if (Number.isFinite(quickest)) guess = Math.max(guess, quickest);
    quickest = Infinity;
  }
  return guess;
}

/** A limit of which nothing more comes is scaled by its largest use instead. */
function scaleOf(limit: Limit, arcs: readonly Arc[], unitMs: number): number {
  if (limit.perMs > 0) return 1 / (limit.perMs * unitMs);
  return 1 / Math.max(...limit.uses.map(({ arc, perJob }) => perJob * jobsOf(arcs, arc)));
}

const jobsOf = (arcs: readonly Arc[], index: number): number => (arcs[index] as Arc).jobClass.jobs;
