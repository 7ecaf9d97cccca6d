/** Reads a course, and what each limit is worth in it, off the solution of a program in stages. */
import type { Course, Step, Worth } from './course.ts';
import type { OrderedSolution } from './solver.ts';
import type { StagedNeeds } from './staged-attempt.ts';
import { type Goal, moneyScale } from './staged-goals.ts';
import type { StagedProgram } from './staged-program.ts';
import { withoutCrumbs } from './tidy-course.ts';

export type Ordered = Extract<OrderedSolution, { kind: 'optimal' }>;

interface Told {
  needs: StagedNeeds;
  goals: readonly Goal[];
}

export function courseOf(program: StagedProgram, solution: Ordered, told: Told): Course {
  const { limits, idealMs, fleetMs } = told.needs;
  const ends = endsOf(program, solution.columns);
  const steps = limits.arcs.map((arc, index) =>
    ends.flatMap((untilMs, stage): Step[] => {
      const column = program.columns[stage * limits.arcs.length + index] as number;
      const share = column < 0 ? 0 : (solution.columns[column] as number);
      return share > 0
        ? [{ fromMs: ends[stage - 1] ?? 0, untilMs, jobs: share * arc.jobClass.jobs }]
        : [];
    }),
  );
  const worth = worthOf(program, solution, { ...told, ends });
  return withoutCrumbs({ limits, idealMs, fleetMs, endMs: ends.at(-1) ?? 0, steps, worth });
}

/** When each stage ends, ms. */
export function endsOf(
  { stages, endColumns, unitMs }: StagedProgram,
  columns: Float64Array,
): number[] {
  let before = 0;
  return stages.map((stage, index) => {
    const found = (columns[endColumns[index] as number] ?? 0) * unitMs;
    before = Math.max(before, stage.end === 'fixed' ? stage.endMs : found);
    return before;
  });
}

/** Whether a stage ends at `endMs` for the sake of the next, whose end is given. */
export function isPressed(
  { stages }: Pick<StagedProgram, 'stages'>,
  stage: number,
  endMs: number,
): boolean {
  const next = stages[stage + 1];
  return next?.end === 'fixed' && endMs > next.endMs * (1 - 1e-6);
}

function worthOf(
  { stages, scales, unitMs }: StagedProgram,
  { each }: Ordered,
  { goals, ends, needs }: Told & { ends: readonly number[] },
): Worth[] {
  const time = each[goals.includes('time') ? goals.lastIndexOf('time') : goals.indexOf('end')];
  const money = each[goals.indexOf('money')];
  const dollars = moneyScale(needs.limits);
  return scales.map((scale, index) => {
    const worth: Worth = { price: 0, rateSavesMs: 0, rateSavesUsd: 0 };
    for (const stage of stages.keys()) {
      const row = stage * scales.length + index;
      const lengthMs = (ends[stage] as number) - (ends[stage - 1] ?? 0);
      const price = Math.max(0, -(time?.rowPrices[row] ?? 0)) * unitMs * scale;
      worth.price = Math.max(worth.price, price);
      worth.rateSavesMs += price * lengthMs;
      worth.rateSavesUsd += Math.max(0, -(money?.rowPrices[row] ?? 0)) * dollars * scale * lengthMs;
    }
    return worth;
  });
}
