/** Puts together what a term of leadership consists of: the parts know each other by the few functions they need. */
import { isUsable, Spills, takesCalls } from '@sluice/balancing';
import type { Fleet, Priority } from '@sluice/job';
import { isPlanned } from '@sluice/planning';
import { readWaiting } from '@sluice/ledger';
import type { Ledger, Waiting } from '@sluice/ledger';
import type { StepData } from '@sluice/queues';
import { AgainBook } from './again-book.ts';
import { Backlog } from './backlog.ts';
import { Chooser } from './chooser.ts';
import { DayDemand } from './day-demand.ts';
import { unfedOf } from './draining.ts';
import { expireJob } from './expire.ts';
import { Feeder } from './feeder.ts';
import { planHints } from './cap-hints.ts';
import { HealthBook } from './health.ts';
import { LinesWaiting } from './lines-waiting.ts';
import { Picture } from './picture.ts';
import { Placer } from './placer.ts';
import { AloneBook } from './alone-book.ts';
import { PlanBook } from './plan-book.ts';
import { planProblem } from './plan-problem.ts';
import type { ProblemPorts } from './plan-problem.ts';
import { planView } from './plan-view.ts';
import type { ViewFacts } from './plan-view.ts';
import { RestingRoots } from './resting-roots.ts';
import { oneByOne, SolverThread } from './solver-thread.ts';
import { Sweeper } from './sweeper.ts';
import { workOfSingles } from './tenant-work.ts';
import type { TenantPorts } from './tenant-work.ts';
import type { TermPorts } from './term.ts';
import { TurnBook } from './turn-book.ts';

export interface PartsAbout {
  ports: TermPorts;
  leaderToken: number;
  /** What the leader before saved of the turns; '' = nothing. */
  savedTurns: string;
  addStep: (batch: string, step: StepData['step']) => Promise<void>;
  onError: (what: string, error: unknown) => void;
}

export type TermParts = ReturnType<typeof openParts>;

export function openParts(about: PartsAbout) {
  const { fleet, depth, now, random, tenants } = about.ports;
  const picture = new Picture(fleet, about.ports.learned);
  const health = new HealthBook(fleet, {
    ...about.ports,
    batchTraffic: (id) => chooser.hasBatchTraffic(id),
    reaches: () => chooser.reaches,
  });
  const chooser: Chooser = new Chooser({ fleet, picture, depth, now, random });
  const linesWaiting = new LinesWaiting();
  const linesOut = (tenant: string): number =>
    Math.max(0, batches.feeder.linesOut(tenant) - linesWaiting.of(tenant));
  const turns = new TurnBook(
    {
      fleet,
      tenants: tenants(),
      linesOut,
      linesWaiting: (tenant) => linesWaiting.of(tenant),
      now,
    },
    about.savedTurns,
  );
  const base = { picture, health, chooser, turns, linesWaiting };
  const entries = openEntries(about, base, () => batches.feeder);
  const batches = openBatches(about, base, entries);
  const sweeper = openSweeper(about, entries.placer, batches.feeder);
  const { lengths } = about.ports;
  const { entries: waiting } = entries.placer;
  const days = new DayDemand({ ...base, ...batches, entries: waiting, fleet, lengths, now });
  const roots = new RestingRoots(fleet);
  return { ...base, ...entries, ...batches, sweeper, days, roots };
}

interface Base {
  picture: Picture;
  health: HealthBook;
  chooser: Chooser;
  turns: TurnBook;
  linesWaiting: LinesWaiting;
}

function openEntries(
  { ports, leaderToken, onError }: PartsAbout,
  base: Base,
  feeder: () => Feeder,
) {
  const { ledger, now } = ports;
  const { picture, chooser, turns, linesWaiting } = base;
  const again: AgainBook = new AgainBook({
    picture,
    chooser,
    find: (batch) => feeder().find(batch),
    waits: (batch) => linesWaiting.ofBatch(batch),
    release: (ids) => placer.release(ids),
  });
  const placer: Placer = new Placer({
    ledger,
    chooser,
    turns,
    picture,
    lengths: ports.lengths,
    queue: ports.queues.run,
    leaderToken,
    now,
    feed: () => feeder().feed(),
    onMore: (waiting) => backlog.mayHaveMore(waiting),
    onWaiting: (waiting, waits) => {
      linesWaiting.note(waiting, waits);
      if (waiting.batch === null) chooser.contended(waiting.priority as Priority);
      if (waits) backlog.waits(waiting);
      else backlog.left(waiting);
    },
    again,
    onLate: (waiting) => endLate(ports, waiting),
    onError,
  });
  const backlog = new Backlog({ ledger, placer, now, onError });
  return { placer, backlog, again };
}

/** A job ends; a chunk of a batch ends with its batch. */
async function endLate(ports: TermPorts, waiting: Waiting): Promise<void> {
  if (waiting.batch === null) await expireJob(ports, waiting);
}

/** How a deployment stands, as far as it matters to who takes work. */
const standsIn = ({ deployments }: Fleet, health: HealthBook, id: string) => ({
  id,
  state: health.stateOf(id),
  weight: deployments.get(id)?.weight ?? 0,
});

function openBatches(
  { ports, leaderToken, onError }: PartsAbout,
  base: Base,
  { placer, backlog, again }: { placer: Placer; backlog: Backlog; again: AgainBook },
) {
  const { ledger, store, fleet, windowLines, events, now } = ports;
  const { picture, health, chooser, turns } = base;
  const spills = new Spills(fleet.pools);
  const planned = problemPorts(ports, base, spills);
  const solver = new SolverThread();
  const book = openPlan({
    planned,
    solver,
    health,
    chooser,
    ledger,
    feeder: () => feeder,
    onError,
  });
  const feeder = new Feeder({
    ledger,
    store,
    chooser,
    turns,
    pump: () => placer.pump(),
    again,
    picture,
    lengths: ports.lengths,
    book,
    spills,
    queue: ports.queues.run,
    leaderToken,
    windowLines,
    now,
    onError,
  });
  const usable = (id: string): boolean => isUsable(standsIn(fleet, health, id));
  const weightOf = (tenant: string): number =>
    ports.tenants().find(({ id }) => id === tenant)?.weight ?? 1;
  const alone = new AloneBook(planned);
  const limited = tenantPorts({ planned, turns, placer, backlog });
  const { estimating, solve } = openEstimating();
  const planner = {
    ...planned,
    usable,
    ledger,
    feeder,
    book,
    alone,
    again,
    limited,
    weightOf,
    events,
    solve,
  };
  return { book, feeder, solver, estimating, planner };
}

/** What plans are made for: by deployments that take new work and need no trial first. */
const problemPorts = (
  { fleet, lengths, now }: TermPorts,
  { picture, health, chooser, turns }: Base,
  spills: Spills,
): ProblemPorts => ({
  fleet,
  picture,
  lengths,
  eligible: (pool, formats) => chooser.eligible(pool, formats),
  usable: (id) => takesCalls(standsIn(fleet, health, id)),
  shapingOf: (tenant) => turns.shapingOf(tenant),
  waitingSince: (lane) => spills.since(lane, now()),
  now,
});

interface PlanAbout {
  planned: ProblemPorts;
  solver: SolverThread;
  health: HealthBook;
  chooser: Chooser;
  ledger: Ledger;
  feeder: () => Feeder;
  onError: PartsAbout['onError'];
}

/** The plan that lines follow: over all that drains when it is begun, and published when it is made. */
function openPlan({
  planned,
  solver,
  health,
  chooser,
  ledger,
  feeder,
  onError,
}: PlanAbout): PlanBook {
  const { now } = planned;
  let looked: Feeder['draining'] = [];
  const book = new PlanBook({
    problem: (horizonMs) => {
      looked = feeder().draining;
      for (const { maxTier, classes } of looked)
        for (const one of classes)
          if (unfedOf(one) > 0) chooser.linesWait(one.pool, { formats: one.formats, maxTier });
      return planProblem(planned, looked, horizonMs);
    },
    solve: (problem) => solver.solve(problem),
    waiting: () => feeder().waiting,
    onPlan: () => {
      feeder().planned(looked);
      publishPlan(ledger, book, viewOf(planned, health)).catch((error: unknown) =>
        onError('publishing the plan', error),
      );
    },
    onError,
    now,
  });
  return book;
}

/** Plans for estimates, on a thread that the first of them begins: one that takes long holds up no plan that is to be followed. */
function openEstimating() {
  const estimating = new SolverThread();
  return { estimating, solve: oneByOne((problem) => estimating.solve(problem)) };
}

const tenantPorts = ({
  planned,
  turns,
  placer,
  backlog,
}: {
  planned: ProblemPorts;
  turns: TurnBook;
  placer: Placer;
  backlog: Backlog;
}): TenantPorts => ({
  shapingOf: (tenant) => turns.shapingOf(tenant),
  singlesOf: async (tenants) =>
    tenants.size === 0
      ? new Map()
      : workOfSingles(planned, placer.entries.ofTenants(tenants), await backlog.countOf(tenants)),
});

/** What a look at the plan says beside it. */
const viewOf = (
  { fleet, picture }: Pick<ProblemPorts, 'fleet' | 'picture'>,
  health: HealthBook,
): Omit<ViewFacts, 'madeAt'> => ({
  hints: (problem) => planHints({ fleet, picture }, problem),
  ownStrategy: (id) => {
    const pool = fleet.pools.get(id);
    return pool === undefined || isPlanned(pool) ? null : pool.strategy.name;
  },
  idleBecause: (id) => {
    const stands = standsIn(fleet, health, id);
    if (stands.weight <= 0) return 'its weight is 0';
    return isUsable(stands) ? null : (health.reasonOf(id) ?? stands.state);
  },
});

async function publishPlan(
  { redis, keys }: Ledger,
  book: PlanBook,
  view: Omit<ViewFacts, 'madeAt'>,
): Promise<void> {
  const { plan, problem, madeAt } = book;
  if (plan === null || problem === null) await redis.del(keys.plan);
  else await redis.set(keys.plan, JSON.stringify(planView(plan, problem, { ...view, madeAt })));
}

function openSweeper({ ports, addStep }: PartsAbout, placer: Placer, feeder: Feeder): Sweeper {
  const { ledger, fleet, keepSeconds, events, now } = ports;
  return new Sweeper({
    ledger,
    placer,
    feeder,
    queue: ports.queues.run,
    known: (deployment) => fleet.deployments.has(deployment),
    step: addStep,
    keepSeconds,
    events,
    now,
  });
}

/** When the end of a placed job was not told for so long, its record is asked, so many at a time. */
const UNHEARD_MS = 2_000;
const MOST_ASKED = 64;

/** What tenants have had outlives this term; ends of jobs that another process recorded are found. */
export async function keepTurns(ledger: Ledger, turns: TurnBook, now: number): Promise<void> {
  await turns.keep((text) => ledger.redis.set(ledger.keys.turns, text));
  const ids = turns.unheardOf(now - UNHEARD_MS, MOST_ASKED);
  await Promise.all(
    ids.map(async (id) => {
      const waiting = await readWaiting(ledger, id);
      const open = waiting !== null && ['queued', 'running'].includes(waiting.status);
      if (open) turns.stillOut(id);
      else turns.ended(id, null);
    }),
  );
}
