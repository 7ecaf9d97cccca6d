/**
 * HiGHS, compiled to WebAssembly: loaded on first use, once per process. It prints nothing and installs no handlers on
 * the process (solver.test.ts holds it to that). Solving blocks the thread for the milliseconds it takes.
 */
import highsModule from 'highs';
import type { Highs, Model, ModelData } from 'highs';

export type Solution =
  | { kind: 'optimal'; columns: Float64Array; rowPrices: Float64Array }
  | { kind: 'infeasible' }
  | { kind: 'failed'; reason: string };

/** Weights by column; all others are 0. */
export interface Objective {
  columns: number[];
  weights: number[];
}

export type OrderedSolution =
  | {
      kind: 'optimal';
      columns: Float64Array;
      /** Per objective what it came to, and the rows' prices in it; may lack the last, see `runInOrder`. */
      each: { value: number; rowPrices: Float64Array }[];
    }
  | { kind: 'infeasible' }
  | { kind: 'failed'; reason: string };

/** Prices below this are rounding: what a later objective may take from an earlier one, per share of a class. */
const NO_PRICE = 1e-8;

/** A plan is re-made every few seconds: an answer that takes longer than this is no use, seconds. */
const TIME_LIMIT_S = 2;

/** HiGHS's numbers of its simplex methods. */
const [DUAL, PRIMAL] = [1, 4];

/**
 * Measured on 60 classes × 40 deployments: dual simplex without presolve 4–5 ms, with it 8 (and 80 now and then), primal
 * simplex 7, interior point 15.
 */
const OPTIONS = {
  output_flag: false,
  solver: 'simplex',
  presolve: 'off',
  simplex_strategy: DUAL,
  time_limit: TIME_LIMIT_S,
  primal_feasibility_tolerance: 1e-9,
  dual_feasibility_tolerance: 1e-9,
};

type Options = typeof OPTIONS;

/** The solver's own tolerances, for what is too badly scaled to be told more exactly. */
const TOLERANT: Options = {
  ...OPTIONS,
  primal_feasibility_tolerance: 1e-7,
  dual_feasibility_tolerance: 1e-7,
};

const FIRST_TRIES: readonly Options[] = [OPTIONS, { ...OPTIONS, presolve: 'on' }, TOLERANT];

/** What was best by one objective can be had for the next: primal simplex goes on from there. */
const NEXT_TRIES: readonly Options[] = [{ ...OPTIONS, simplex_strategy: PRIMAL }, ...FIRST_TRIES];

// highs ships one declaration file, marked CommonJS, for both builds: TypeScript sees a module where Node has its default.
const loadHighs = highsModule as unknown as typeof highsModule.default;

let loading: Promise<Highs> | null = null;

/** Minimises the model. Every way in which the solver may fail is a returned value; after one it is loaded anew. */
export const solve = (model: ModelData): Promise<Solution> =>
  withSolver((highs) => highs.withModel(model, (loaded) => run(highs, loaded)));

/** Minimises the first objective, then the second among what is best by the first, and so on. At least one. */
export const solveInOrder = (
  model: ModelData,
  objectives: readonly Objective[],
): Promise<OrderedSolution> =>
  withSolver((highs) => highs.withModel(model, (loaded) => runInOrder(highs, loaded, objectives)));

type Failed = { kind: 'failed'; reason: string };

async function withSolver<Answer>(ask: (highs: Highs) => Answer): Promise<Answer | Failed> {
  try {
    loading ??= loadHighs();
    return ask(await loading);
  } catch (error) {
    // A WebAssembly instance that has aborted answers nothing any more.
    loading = null;
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

/** Another try only where one ends without an answer, which rounding can do to any of them. */
function run(highs: Highs, model: Model, tries: readonly Options[] = FIRST_TRIES): Solution {
  const { modelStatus } = highs.constants;
  let status: number = modelStatus.notSet;
  for (const [at, options] of tries.entries()) {
    // From the beginning: what led nowhere would only be found again.
    if (at > 0) model.clearSolver();
    model.options.set(options);
    model.run();
    status = model.getModelStatus();
    if (status === modelStatus.optimal) {
      const { colValue, rowDual } = model.getSolution();
      return { kind: 'optimal', columns: colValue, rowPrices: rowDual };
    }
    // Time is never negative, so the program is not unbounded: the undistinguished status means infeasible too.
    if (status === modelStatus.infeasible || status === modelStatus.unboundedOrInfeasible)
      return { kind: 'infeasible' };
  }
  return { kind: 'failed', reason: `the solver stopped with status ${status}` };
}

/**
 * Each solve starts from the basis of the one before. What is best by an objective is exactly what leaves alone every
 * column and row that has a price in it: these are fixed where they are, which makes the next solve smaller, too.
 */
function runInOrder(highs: Highs, model: Model, objectives: readonly Objective[]): OrderedSolution {
  const { numCols, numRows } = model.getDimensions();
  const every = { kind: 'range' as const, from: 0, to: numCols - 1 };
  const each: { value: number; rowPrices: Float64Array }[] = [];
  let columns = new Float64Array(numCols);
  for (const { columns: indices, weights } of objectives) {
    const costs = new Float64Array(numCols);
    for (const [at, index] of indices.entries()) costs[index] = weights[at] as number;
    model.changeColsCost(every, costs);
    const isFirst = each.length === 0;
    const solution = run(highs, model, isFirst ? FIRST_TRIES : NEXT_TRIES);
    if (solution.kind !== 'optimal' && isFirst) return solution;
    // What is best by the objectives so far is an answer, too, when rounding leaves no way to the next.
    if (solution.kind !== 'optimal') break;
    columns = Float64Array.from(solution.columns);
    each.push({ value: model.getObjectiveValue(), rowPrices: solution.rowPrices });
    if (each.length < objectives.length) fixPriced(model, numRows);
  }
  return { kind: 'optimal', columns, each };
}

function fixPriced(model: Model, numRows: number): void {
  const { colValue, colDual, rowValue, rowDual } = model.getSolution();
  const columns = pricedOf(colDual);
  if (columns.length > 0) {
    const values = columns.map((column) => Math.max(0, colValue[column] as number));
    model.changeColsBounds({ kind: 'set', indices: columns }, values, values);
  }
  const rows = pricedOf(rowDual.subarray(0, numRows));
  if (rows.length > 0) {
    const values = rows.map((row) => rowValue[row] as number);
    model.changeRowsBounds({ kind: 'set', indices: rows }, values, values);
  }
}

function pricedOf(duals: Float64Array): number[] {
  const priced: number[] = [];
  for (let index = 0; index < duals.length; index += 1)
    if (Math.abs(duals[index] as number) > NO_PRICE) priced.push(index);
  return priced;
}
