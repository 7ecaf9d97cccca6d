/**
 * The linear program of a course in stages. Unknowns: for each stage and arc the share (0…1) of its class that starts in
 * the stage, and the ends of the stages that have none given. In each stage a limit gives what comes of it in that time,
 * in the first also what there is at the start; what is not used in a stage is gone.
 */
import type { ModelData } from 'highs';
import type { Arc, Limits } from './limits.ts';
import { SparseRows } from './sparse-rows.ts';
import type { Stage } from './stages.ts';

export interface StagedProgram {
  model: ModelData;
  unitMs: number;
  stages: readonly Stage[];
  arcs: readonly Arc[];
  /** Factor by which each limit's rows were multiplied; row = stage × limits + limit. */
  scales: number[];
  /** Column of a stage's end; -1 where it is given. */
  endColumns: number[];
}

export function stagedProgram(
  limits: Limits,
  stages: readonly Stage[],
  unitMs: number,
): StagedProgram {
  const { arcs } = limits;
  let numCols = stages.length * arcs.length;
  const endColumns = stages.map(({ end }) => (end === 'fixed' ? -1 : numCols++));
  const scales = limits.limits.map(({ perMs, uses }) =>
    perMs > 0
      ? 1 / (perMs * unitMs)
      : 1 / Math.max(...uses.map(({ arc, perJob }) => perJob * (arcs[arc] as Arc).jobClass.jobs)),
  );
  const rows = new SparseRows(numCols);
  const at = { stages, unitMs, endColumns };
  for (const stage of stages.keys()) putLimits(rows, limits, { ...at, stage, scales });
  putClasses(rows, arcs, stages.length);
  putOrder(rows, at);
  const shares = stages.length * arcs.length;
  const bounds = Array.from({ length: numCols });
  const model = {
    numCols,
    colCost: bounds.map(() => 0),
    colLower: bounds.map(() => 0),
    colUpper: bounds.map((_each, column) => (column < shares ? 1 : Infinity)),
    ...rows.finished(),
  };
  return { model, unitMs, stages, arcs, scales, endColumns };
}

interface Ends {
  stages: readonly Stage[];
  unitMs: number;
  endColumns: readonly number[];
}

function putLimits(
  rows: SparseRows,
  { arcs, limits }: Limits,
  at: Ends & { stage: number; scales: readonly number[] },
): void {
  const { stage, scales, unitMs } = at;
  for (const [index, { start, perMs, uses }] of limits.entries()) {
    const scale = scales[index] as number;
    for (const { arc, perJob } of uses)
      rows.put(stage * arcs.length + arc, perJob * (arcs[arc] as Arc).jobClass.jobs * scale);
    let upper = stage === 0 ? start * scale : 0;
    for (const [which, sign] of [[stage, 1] as const, [stage - 1, -1] as const]) {
      const coming = sign * perMs * scale;
      if (coming === 0 || which < 0) continue;
      const column = at.endColumns[which] as number;
      if (column < 0) upper += coming * fixedEnd(at.stages[which]);
      else rows.put(column, -coming * unitMs);
    }
    rows.end(-Infinity, upper);
  }
}

/** The shares of each class, over all stages, add up to all of it. */
function putClasses(rows: SparseRows, arcs: readonly Arc[], stages: number): void {
  let first = 0;
  for (const [index, { jobClass }] of arcs.entries()) {
    if (arcs[index + 1]?.jobClass === jobClass) continue;
    for (let stage = 0; stage < stages; stage += 1)
      for (let arc = first; arc <= index; arc += 1) rows.put(stage * arcs.length + arc, 1);
    rows.end(1, 1);
    first = index + 1;
  }
}

/** No stage ends before the one before it. */
function putOrder(rows: SparseRows, { stages, unitMs, endColumns }: Ends): void {
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
