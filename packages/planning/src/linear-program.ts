/**
 * The limits as a linear program in well-scaled figures. Unknowns: for each arc the share (0…1) of its class, and the
 * time A in units of `unitMs`, a first guess of the answer. Each limit's row is divided by what comes of it in that
 * time, so that requests, millions of tokens and slots all become figures around 1.
 */
import type { ModelData } from 'highs';
import type { Arc, Limit, Limits } from './limits.ts';

export interface LinearProgram {
  model: ModelData;
  /** What A is counted in. Always the last column. */
  unitMs: number;
  /** Factor by which each limit's row was multiplied; rows come in the order of the limits. */
  scales: number[];
}

interface Row {
  entries: [column: number, value: number][];
  lower: number;
  upper: number;
}

export function linearProgram({ arcs, limits, leastMs }: Limits): LinearProgram {
  const unitMs = Math.max(1, leastMs, guessMs(arcs, limits));
  const scales = limits.map((limit) => scaleOf(limit, arcs, unitMs));
  const rows = [
    ...limits.map((limit, index) =>
      limitRow({ limit, arcs, unitMs, scale: scales[index] as number }),
    ),
    ...classRows(arcs),
  ];
  const shares = arcs.map(() => 0);
  const model: ModelData = {
    numCols: arcs.length + 1,
    numRows: rows.length,
    colCost: [...shares, 1],
    colLower: [...shares, leastMs / unitMs],
    colUpper: [...shares.map(() => 1), Infinity],
    rowLower: rows.map(({ lower }) => lower),
    rowUpper: rows.map(({ upper }) => upper),
    matrix: {
      format: 'csr',
      numRows: rows.length,
      numCols: arcs.length + 1,
      starts: startsOf(rows),
      indices: rows.flatMap(({ entries }) => entries.map(([column]) => column)),
      values: rows.flatMap(({ entries }) => entries.map(([, value]) => value)),
    },
  };
  return { model, unitMs, scales };
}

function limitRow(about: { limit: Limit; arcs: Arc[]; unitMs: number; scale: number }): Row {
  const { limit, arcs, unitMs, scale } = about;
  const entries: Row['entries'] = limit.uses.map(({ arc, perJob }) => [
    arc,
    perJob * jobsOf(arcs, arc) * scale,
  ]);
  if (limit.perMs > 0) entries.push([arcs.length, -limit.perMs * unitMs * scale]);
  return { entries, lower: -Infinity, upper: limit.start * scale };
}

/** The shares of each class add up to all of it. */
function classRows(arcs: readonly Arc[]): Row[] {
  const rows = new Map<string, Row>();
  for (const [index, { jobClass }] of arcs.entries()) {
    const row = rows.get(jobClass.id) ?? { entries: [], lower: 1, upper: 1 };
    row.entries.push([index, 1]);
    rows.set(jobClass.id, row);
  }
  return [...rows.values()];
}

/** The time it takes when every class goes to the one deployment that is quickest for it: the right order of magnitude. */
function guessMs(arcs: readonly Arc[], limits: readonly Limit[]): number {
  const alone = arcs.map(() => 0);
  for (const { perMs, uses } of limits)
    for (const { arc, perJob } of uses)
      alone[arc] = Math.max(alone[arc] as number, (perJob * jobsOf(arcs, arc)) / perMs);
  const quickest = new Map<string, number>();
  for (const [index, { jobClass }] of arcs.entries()) {
    const ms = alone[index] as number;
    quickest.set(jobClass.id, Math.min(quickest.get(jobClass.id) ?? Infinity, ms));
  }
  return Math.max(0, ...[...quickest.values()].filter(Number.isFinite));
}

/** A limit of which nothing more comes is scaled by its largest use instead. */
function scaleOf(limit: Limit, arcs: readonly Arc[], unitMs: number): number {
  if (limit.perMs > 0) return 1 / (limit.perMs * unitMs);
  return 1 / Math.max(...limit.uses.map(({ arc, perJob }) => perJob * jobsOf(arcs, arc)));
}

const jobsOf = (arcs: readonly Arc[], index: number): number => (arcs[index] as Arc).jobClass.jobs;

function startsOf(rows: readonly Row[]): number[] {
  const starts = [0];
  for (const { entries } of rows) starts.push((starts.at(-1) as number) + entries.length);
  return starts;
}
