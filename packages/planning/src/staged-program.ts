/**
 * The linear program of a course in stages. Unknowns: for each stage and arc the share (0…1) of its class that starts in
 * the stage, and the ends of the stages that have none given. In each stage a limit gives what comes of it in that time,
 * in the first also what there is at the start; what is not used in a stage is gone.
 */
import type { ModelData } from 'highs';
import { type Arc, type Limits, opensMs } from './limits.ts';
import { SparseRows } from './sparse-rows.ts';
import type { Late } from './staged-attempt.ts';
import { latestEnds, type Stage } from './stages.ts';

export interface StagedProgram {
  model: ModelData;
  unitMs: number;
  stages: readonly Stage[];
  arcs: readonly Arc[];
  /** Column of an arc in a stage, at stage × arcs + arc; -1 where it may not run then. */
  columns: Int32Array;
  /** Factor by which each limit's rows were multiplied; row = stage × limits + limit. */
  scales: number[];
  /** Column of a stage's end; -1 where it is given. */
  endColumns: number[];
}

export interface Staging {
  stages: readonly Stage[];
  /** What the ends that are found are counted in. */
  unitMs: number;
  mayRun: (arc: Arc, stage: number) => boolean;
  /** What is settled about the late classes: how much of them is in time, and when the late stage ends at the latest. */
  late?: Pick<Late, 'inTime' | 'endMs'> & { isInTime: (arc: Arc, stage: number) => boolean };
}

export function stagedProgram(limits: Limits, staging: Staging): StagedProgram {
  const { arcs } = limits;
  const { stages, unitMs, mayRun } = staging;
  let shares = 0;
  const columns = new Int32Array(stages.length * arcs.length);
  for (const stage of stages.keys())
    for (const [index, arc] of arcs.entries())
      columns[stage * arcs.length + index] = mayRun(arc, stage) ? shares++ : -1;
  let numCols = shares;
  const endColumns = stages.map(({ end }) => (end === 'fixed' ? -1 : numCols++));
  const rows = new SparseRows(numCols);
  const at: Layout = { stages, unitMs, columns, endColumns, scales: scalesOf(limits, unitMs) };
  for (const stage of stages.keys()) putLimits(rows, limits, { ...at, stage });
  putClasses(rows, arcs, at);
  putOrder(rows, at);
  if (staging.late) putInTime(rows, arcs, { ...at, ...staging.late });
  const model = {
    numCols,
    colCost: new Float64Array(numCols),
    colLower: new Float64Array(numCols),
    colUpper: uppersOf(staging, { numCols, shares, endColumns }),
    ...rows.finished(),
  };
  return { model, arcs, ...at };
}

function uppersOf(
  { stages, unitMs, late }: Staging,
  { numCols, shares, endColumns }: { numCols: number; shares: number; endColumns: number[] },
): Float64Array {
  const upper = new Float64Array(numCols).fill(1, 0, shares).fill(Infinity, shares);
  const column = endColumns[stages.findIndex(({ end }) => end === 'late')] ?? -1;
  if (column >= 0 && late) upper[column] = late.endMs / unitMs;
  return upper;
}

type Layout = Pick<StagedProgram, 'stages' | 'unitMs' | 'columns' | 'endColumns' | 'scales'>;

const scalesOf = ({ arcs, limits }: Limits, unitMs: number): number[] =>
  limits.map(({ perMs, uses }) =>
    perMs > 0
      ? 1 / (perMs * unitMs)
      : 1 / Math.max(...uses.map(({ arc, perJob }) => perJob * (arcs[arc] as Arc).jobClass.jobs)),
  );

function putLimits(
  rows: SparseRows,
  { arcs, limits }: Limits,
  at: Layout & { stage: number },
): void {
  const { stage, scales, unitMs, columns } = at;
  for (const [index, { start, perMs, uses }] of limits.entries()) {
    const scale = scales[index] as number;
    for (const { arc, perJob } of uses) {
      const column = columns[stage * arcs.length + arc] as number;
      if (column >= 0) rows.put(column, perJob * (arcs[arc] as Arc).jobClass.jobs * scale);
    }
    let upper = stage === 0 ? Math.max(0, start) * scale : 0;
    for (const [which, sign] of [[stage, 1] as const, [stage - 1, -1] as const]) {
      const coming = sign * perMs * scale;
      if (coming === 0 || which < 0) continue;
      const column = at.endColumns[which] as number;
      const open = openUntil(at, which, opensMs({ start, perMs }));
      upper += coming * open.ms;
      if (column >= 0) rows.put(column, -coming * unitMs * open.part);
    }
    rows.end(-Infinity, upper);
  }
}

/**
 * For how long a limit that opens at `fromMs` has been open when a stage ends: `ms`, and that part of the end where it is found. Such
 * an end between two that are given counts as if the limit were open for a part of all the time between them; after the last that is
 * given, of the time that all is likely to take.
 */
function openUntil(
  { stages, unitMs }: Pick<Layout, 'stages' | 'unitMs'>,
  which: number,
  fromMs: number,
): { ms: number; part: number } {
  const stage = stages[which] as Stage;
  if (stage.end === 'fixed') return { ms: Math.max(0, stage.endMs - fromMs), part: 0 };
  const before = Math.max(0, ...stages.slice(0, which).map(fixedEnd));
  if (fromMs <= before) return { ms: -fromMs, part: 1 };
  const latest = latestEnds(stages)[which] as number;
  const likely = unitMs > fromMs ? unitMs : 2 * fromMs;
  const end = Number.isFinite(latest) ? latest : likely;
  const part = Math.max(0, end - fromMs) / Math.max(1, end - before);
  return { ms: -part * before, part };
}

/** The shares of each class, over all stages, add up to all of it. */
function putClasses(rows: SparseRows, arcs: readonly Arc[], { stages, columns }: Layout): void {
  let first = 0;
  for (const [index, { jobClass }] of arcs.entries()) {
    if (arcs[index + 1]?.jobClass === jobClass) continue;
    for (const stage of stages.keys()) {
      const from = stage * arcs.length;
      const own = columns.subarray(from + first, from + index + 1);
      for (const column of own.filter((each) => each >= 0)) rows.put(column, 1);
    }
    rows.end(1, 1);
    first = index + 1;
  }
}

/** At least that part of a late class is in time. */
function putInTime(
  rows: SparseRows,
  arcs: readonly Arc[],
  { columns, inTime, isInTime }: Layout & NonNullable<Staging['late']>,
): void {
  for (const [id, share] of inTime) {
    for (const [at, column] of columns.entries()) {
      const arc = arcs[at % arcs.length] as Arc;
      if (column < 0 || arc.jobClass.id !== id) continue;
      if (isInTime(arc, Math.floor(at / arcs.length))) rows.put(column, 1);
    }
    rows.end(share, Infinity);
  }
}

/** No stage ends before the one before it. */
function putOrder(rows: SparseRows, { stages, unitMs, endColumns }: Layout): void {
  for (let stage = 0; stage < stages.length; stage += 1) {
    const [before, own] = [endColumns[stage - 1] ?? -1, endColumns[stage] as number];
    if (before < 0 && own < 0) continue;
    let lower = 0;
    if (own >= 0) rows.put(own, 1);
    else lower -= fixedEnd(stages[stage]) / unitMs;
    if (before >= 0) rows.put(before, -1);
    else lower += fixedEnd(stages[stage - 1]) / unitMs;
    rows.end(lower, Infinity);
  }
}

const fixedEnd = (stage: Stage | undefined): number => (stage?.end === 'fixed' ? stage.endMs : 0);
