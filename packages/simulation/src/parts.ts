/** What a run is made of: the workers, the providers and all that the dispatcher knows and asks, put together for a scenario. */
import { AfterCall } from './after-call.ts';
import type { AfterCallPorts } from './after-call.ts';
import { Backlog } from './backlog.ts';
import { Budgets } from './budgets.ts';
import { Calls } from './calls.ts';
import type { CallPorts } from './calls.ts';
import { Chooser } from './chooser.ts';
import { DayDemand } from './day-demand.ts';
import { Dispatch } from './dispatch.ts';
import { HealthBook } from './health-book.ts';
import { IdleTime } from './idle-time.ts';
import { Learned } from './learned.ts';
import { Picture } from './picture.ts';
import { Planner } from './planner.ts';
import { createProviders } from './providers.ts';
import type { Providers } from './providers.ts';
import type { Scenario } from './scenario.ts';
import { Spilling } from './spilling.ts';
import { TurnPrices } from './turn-prices.ts';

export interface Parts {
  providers: Providers;
  learned: Learned;
  health: HealthBook;
  budgets: Budgets;
  calls: Calls;
  picture: Picture;
  chooser: Chooser;
  backlog: Backlog;
  days: DayDemand;
  planner: Planner;
  dispatch: Dispatch;
  sleep: IdleTime;
}

/** What the parts tell of. */
export interface Telling
  extends
    Pick<CallPorts, 'agenda' | 'random' | 'started' | 'usedUp'>,
    Pick<AfterCallPorts, 'waitFrom'> {
  /** A job is over. */
  ended: AfterCallPorts['end'];
}

export function assemble(scenario: Scenario, telling: Telling): Parts {
  const { fleet, settings, tenants } = scenario;
  const { random } = telling;
  const providers = createProviders(scenario);
  const learned = new Learned(fleet);
  const health = new HealthBook({ fleet, learned, random });
  const known = { fleet, settings, random, learned, health, budgets: new Budgets(fleet, settings) };
  const calls = new Calls({
    ...known,
    ...telling,
    providers,
    ended: (ended) => afterCall.answered(ended),
    tooLate: (task) => telling.ended(task, 'expired', null),
  });
  const picture = new Picture({ ...known, counts: calls.counts });
  const chooser = new Chooser({ ...known, picture });
  const backlog = new Backlog(tenants, chooser);
  const seen = { ...known, picture, chooser, backlog, spilling: new Spilling(known) };
  const planner = new Planner(seen);
  const deciding = { ...seen, planner, prices: new TurnPrices(fleet) };
  const afterCall = new AfterCall({ ...deciding, ...telling, end: telling.ended });
  return {
    ...seen,
    providers,
    calls,
    planner,
    days: new DayDemand(seen),
    dispatch: new Dispatch({ ...deciding, place: (tasks, id) => calls.place(tasks, id) }),
    sleep: new IdleTime({ calls, health }),
  };
}
