/** What T* may take of limits per day and month. */
import type { Fleet } from '@sluice/job';
import { LIMITED_FOR_MS, unitsOf } from '@sluice/planning';
import type { WindowLimit, WindowName } from '@sluice/planning';
import { chargedFor } from './ideal-classes.ts';
import { answerTokens } from './provider.ts';
import type { Task } from './task.ts';

const NAMES = Object.keys(LIMITED_FOR_MS) as WindowName[];
/** Where a class is of several sizes, its smaller jobs may be those that a day takes. */
const UNEVEN = 1.01;

/**
 * As configured. A day may turn out to have taken more, where answers were longer than what was booked for them; then T* may
 * take as much.
 */
export function dayLimits(
  { budgets, deployments }: Fleet,
  tasks: readonly Task[],
  { exact }: { exact: boolean },
): WindowLimit[] {
  const limited = [...budgets.values()].flatMap(({ id, limits }) =>
    NAMES.flatMap((window): WindowLimit[] => {
      const limit = limits[window];
      return limit === undefined ? [] : [{ budget: id, window, limit }];
    }),
  );
  if (limited.length === 0) return [];
  const starts = startsOf(deployments, tasks);
  return limited.map(({ budget, window, limit }) => {
    const loose = exact || window === 'rpd' ? limit : limit * UNEVEN;
    return { budget, window, limit: Math.max(loose, mostWithin(starts, { budget, window })) };
  });
}

interface Start {
  at: number;
  budgets: readonly string[];
  cost: ReturnType<typeof chargedFor>;
}

/** The calls that were answered, in the order in which they started. */
function startsOf(deployments: Fleet['deployments'], tasks: readonly Task[]): Start[] {
  const starts = tasks.flatMap(({ end, job, lastStartAt }): Start[] => {
    const deployment = deployments.get(end?.deployment ?? '');
    if (end?.kind !== 'succeeded' || !deployment || lastStartAt === null) return [];
    const { inputTokens: input, maxOutput } = job;
    const cost = chargedFor(deployment, {
      maxOutput,
      input,
      output: answerTokens(deployment, job),
    });
    return [{ at: lastStartAt, budgets: deployment.budgets, cost }];
  });
  return starts.toSorted((a, b) => a.at - b.at);
}

/** The most that any window had of it. */
function mostWithin(
  starts: readonly Start[],
  { budget, window }: Pick<WindowLimit, 'budget' | 'window'>,
): number {
  const ms = LIMITED_FOR_MS[window];
  const own = starts.filter(({ budgets }) => budgets.includes(budget));
  let [oldest, used, most] = [0, 0, 0];
  for (const { at, cost } of own) {
    used += unitsOf(cost, window);
    for (let first = own[oldest]; first && at - first.at >= ms; first = own[oldest]) {
      used -= unitsOf(first.cost, window);
      oldest += 1;
    }
    most = Math.max(most, used);
  }
  return most;
}
