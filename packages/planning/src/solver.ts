/**
 * HiGHS, compiled to WebAssembly: loaded on first use, once per process. It prints nothing and installs no handlers on
 * the process (solver.test.ts holds it to that). Solving blocks the thread for the milliseconds it takes.
 */
import highsModule from 'highs';
import type { Highs, ModelData } from 'highs';

export type Solution =
  | { kind: 'optimal'; columns: Float64Array; rowPrices: Float64Array }
  | { kind: 'infeasible' }
  | { kind: 'failed'; reason: string };

/** A plan is re-made every few seconds: an answer that takes longer than this is no use, seconds. */
const TIME_LIMIT_S = 2;

const OPTIONS = {
  output_flag: false,
  solver: 'simplex',
  time_limit: TIME_LIMIT_S,
  primal_feasibility_tolerance: 1e-9,
  dual_feasibility_tolerance: 1e-9,
};

// highs ships one declaration file, marked CommonJS, for both builds: TypeScript sees a module where Node has its default.
const loadHighs = highsModule as unknown as typeof highsModule.default;

let loading: Promise<Highs> | null = null;

/** Minimises the model. Every way in which the solver may fail is a returned value; after one it is loaded anew. */
export async function solve(model: ModelData): Promise<Solution> {
  try {
    loading ??= loadHighs();
    const highs = await loading;
    return solveWith(highs, model);
  } catch (error) {
    // A WebAssembly instance that has aborted answers nothing any more.
    loading = null;
    return { kind: 'failed', reason: error instanceof Error ? error.message : String(error) };
  }
}

function solveWith(highs: Highs, data: ModelData): Solution {
  const { modelStatus } = highs.constants;
  return highs.withModel(data, (model): Solution => {
    model.options.set(OPTIONS);
    model.run();
    const status = model.getModelStatus();
    if (status === modelStatus.optimal) {
      const { colValue, rowDual } = model.getSolution();
      return { kind: 'optimal', columns: colValue, rowPrices: rowDual };
    }
    // Time is never negative, so the program is not unbounded: the undistinguished status means infeasible too.
    if (status === modelStatus.infeasible || status === modelStatus.unboundedOrInfeasible)
      return { kind: 'infeasible' };
    return { kind: 'failed', reason: `the solver stopped with status ${status}` };
  });
}
