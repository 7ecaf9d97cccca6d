/**
 * What cannot be in time, whatever is done. Deadlines come before all else, so classes without one have no say in it: two
 * programs of the others alone, much smaller than the one of the whole course, which need not ask any more.
 */
import { type Arc, limitsAmong } from './limits.ts';
import { solveInOrder } from './solver.ts';
import { inTimeBy, NOTHING_LATE, programOf } from './staged-attempt.ts';
import type { Attempt, Late, StagedNeeds } from './staged-attempt.ts';
import { isPressed } from './staged-solution.ts';
import { MOST_DEADLINES } from './stages.ts';
import type { JobClass } from './problem.ts';
import { goalsOf, latenessOf, weigh } from './staged-goals.ts';
import type { StagedProgram } from './staged-program.ts';

type LateResult = { kind: 'solved'; late: Late } | { kind: 'failed'; reason: string };

/** Less of a class than this is late for rounding. */
const LATE_SHARE = 1e-6;
/** Below this mean lateness a plan is in time. */
const IN_TIME_MS = 1;
/** What one program found is asked of the next with this much less of it, for rounding. */
const LOOSENED = 1e-7;

/** Whether some class must be late. `calls`: see {@link Attempt}. */
export async function isLateBy(needs: StagedNeeds, calls: number): Promise<boolean> {
  const found = await lateIds({ ...alone(needs), calls });
  return found.kind === 'solved' && found.ids.size > 0;
}

export async function findLate(needs: StagedNeeds): Promise<LateResult> {
  const attempt = { ...alone(needs), patient: true };
  const found = await lateIds(attempt);
  if (found.kind === 'failed') return found;
  const late: Late = { ...NOTHING_LATE, ids: dueTogether(attempt.classes, found.ids) };
  return late.ids.size === 0
    ? { kind: 'solved', late }
    : settle({ ...attempt, timeMs: needs.timeMs, how: 'ordered', late });
}

/**
 * With those of the same deadline: they are of one batch, which is late if one of them is, and is then wanted as soon as can be. To
 * have its short lines in time would make it end later.
 */
function dueTogether(classes: readonly JobClass[], ids: ReadonlySet<string>): Set<string> {
  const due = new Set(classes.flatMap((each) => (ids.has(each.id) ? each.deadlineInMs : [])));
  return new Set(classes.flatMap(({ id, deadlineInMs }) => (due.has(deadlineInMs) ? id : [])));
}

/** The classes with deadlines, which may run at any time. */
function alone(needs: StagedNeeds): Attempt {
  const limits = limitsAmong(needs.limits, ({ id }) => needs.watched.has(id));
  const classes = [...new Set(limits.arcs.map(({ jobClass }) => jobClass))];
  const quick = { calls: 1, patient: false, late: NOTHING_LATE };
  return { ...needs, ...quick, limits, classes, how: 'loose', timeMs: null };
}

/** Those that are late when lateness is least. */
async function lateIds(
  attempt: Attempt,
): Promise<{ kind: 'solved'; ids: Set<string> } | { kind: 'failed'; reason: string }> {
  const program = programOf(attempt);
  const lateness = program && weigh(program, latenessOf(program, attempt));
  const none = { kind: 'solved' as const, ids: new Set<string>() };
  if (!lateness || lateness.columns.length === 0) return none;
  const solution = await solveInOrder(program.model, [lateness]);
  if (solution.kind === 'failed') return solution;
  if (solution.kind === 'infeasible') return { kind: 'failed', reason: IMPOSSIBLE };
  if ((solution.each[0]?.value ?? 0) * attempt.unitMs <= IN_TIME_MS) return none;
  const shares = [...sharesInTime(program, attempt, solution.columns)];
  return {
    kind: 'solved',
    ids: new Set(shares.filter(([, share]) => share < 1 - LATE_SHARE).map(([id]) => id)),
  };
}

export const IMPOSSIBLE = 'some class needs more of a limit than ever comes';

/** The earliest end of the late classes, and how much of them is in time then. */
async function settle(attempt: Attempt): Promise<LateResult> {
  let { late } = attempt;
  for (let after = 0; after <= MOST_DEADLINES; after += 1) {
    const found = await settledAfter({ ...attempt, late: { ...attempt.late, after } });
    if (found === null) continue;
    late = found.late;
    if (!found.isHurried) break;
  }
  return { kind: 'solved', late };
}

/** With their end after so many of the last starts; null = they cannot have ended by the next of these. `isHurried`: they only just have. */
async function settledAfter(attempt: Attempt): Promise<{ late: Late; isHurried: boolean } | null> {
  const { late, unitMs } = attempt;
  const program = programOf(attempt);
  if (program === null) return null;
  const goals = goalsOf(program, attempt).filter(
    ({ goal }) => goal === 'lateness' || goal === 'late',
  );
  const solution = await solveInOrder(
    program.model,
    goals.map(({ objective }) => objective),
  );
  if (solution.kind !== 'optimal') return null;
  const shares = sharesInTime(program, attempt, solution.columns);
  const inTime = new Map(
    [...shares].filter(([id]) => late.ids.has(id)).map(([id, share]) => [id, share - LOOSENED]),
  );
  const stage = program.stages.findIndex(({ end }) => end === 'late');
  const endMs = (solution.columns[program.endColumns[stage] ?? -1] ?? Infinity) * unitMs;
  const isHurried = isPressed(program, stage, endMs);
  return { late: { ...late, inTime, endMs: endMs * (1 + LOOSENED) }, isHurried };
}

function sharesInTime(
  program: StagedProgram,
  attempt: Attempt,
  solution: Float64Array,
): Map<string, number> {
  const isInTime = inTimeBy(program.stages, attempt);
  const shares = new Map(attempt.classes.map(({ id }) => [id, 0]));
  for (const [at, column] of program.columns.entries()) {
    const arc = program.arcs[at % program.arcs.length] as Arc;
    const stage = Math.floor(at / program.arcs.length);
    if (column < 0 || !isInTime(arc, stage)) continue;
    const { id } = arc.jobClass;
    shares.set(id, (shares.get(id) ?? 0) + (solution[column] ?? 0));
  }
  return shares;
}
