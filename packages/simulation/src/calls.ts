/** The workers' part: placed jobs wait at their deployment's gate, are called, and what the answers say is passed on. */
import { paidFor, settledCost } from '@sluice/budget';
import type { Cost } from '@sluice/budget';
import type { Deployment, Fleet, Usage } from '@sluice/job';
import type { Agenda } from './agenda.ts';
import type { Budgets } from './budgets.ts';
import { Gate } from './gate.ts';
import type { Permit } from './gate.ts';
import type { HealthBook } from './health-book.ts';
import type { Learned } from './learned.ts';
import type { Counts } from './picture.ts';
import type { Ending, Provider } from './provider.ts';
import type { Providers } from './providers.ts';
import type { Task } from './task.ts';

/** Of one deployment. */
export interface CallCounts {
  calls: number;
  limited: number;
  /** null: it has no price. */
  costUsd: number | null;
}

/** A call that has ended. */
export interface Ended {
  deployment: Deployment;
  task: Task;
  ending: Ending;
  startedAt: number;
  /** null: it was not answered. */
  actual: Cost | null;
}

export interface CallPorts {
  fleet: Fleet;
  agenda: Agenda;
  budgets: Budgets;
  providers: Providers;
  learned: Learned;
  health: HealthBook;
  random: () => number;
  started: (task: Task, deployment: string) => void;
  ended: (ended: Ended) => void;
  /** Too little of the deployment's day is left for these. */
  usedUp: (tasks: readonly Task[], deployment: string) => void;
  /** Its deadline passed before it could begin. */
  tooLate: (task: Task) => void;
}

interface UnderWay extends Permit {
  ending: Ending;
  startedAt: number;
  /** Other calls running there when it began, and what it was expected to take. */
  inFlight: number;
  predictedMs: number;
}

/** Calls at once to a deployment without any limit: what one worker makes. */
const UNLIMITED_CONCURRENCY = 256;

export class Calls {
  readonly counts = new Map<string, Counts>();
  readonly totals = new Map<string, CallCounts>();
  readonly #ports: CallPorts;
  readonly #gates = new Map<string, Gate>();

  constructor(ports: CallPorts) {
    this.#ports = ports;
    for (const deployment of ports.fleet.deployments.values()) this.#open(deployment);
  }

  place(tasks: readonly Task[], deployment: string): void {
    this.#gates.get(deployment)?.ask(tasks);
  }

  /** Placed jobs that wait for a day or month to give something back, and until when; Infinity = there are none. */
  usedUp(): { jobs: number; until: number } {
    const all = [...this.#gates.values()].map((gate) => gate.usedUp);
    return {
      jobs: all.reduce((sum, { jobs }) => sum + jobs, 0),
      until: Math.min(Infinity, ...all.map(({ until }) => until)),
    };
  }

  /** Opens and closes gates; returns the jobs that were turned away. */
  accept(isUsable: (deployment: string) => boolean): Task[] {
    const away: Task[] = [];
    for (const [id, gate] of this.#gates) {
      if (isUsable(id)) gate.open();
      else away.push(...gate.close());
    }
    return away;
  }

  #open(deployment: Deployment): void {
    const { agenda, budgets, fleet, learned } = this.#ports;
    const { id } = deployment;
    const counts: Counts = { taken: 0, calling: 0, ended: 0, failed: 0 };
    const limited = deployment.budgets.some(
      (budget) => Object.keys(fleet.budgets.get(budget)?.limits ?? {}).length > 0,
    );
    this.counts.set(id, counts);
    this.totals.set(id, { calls: 0, limited: 0, costUsd: deployment.price ? 0 : null });
    const gate = new Gate({
      agenda,
      book: (asked) => budgets.book(id, asked, agenda.now),
      release: (booked) => budgets.release(id, booked, agenda.now),
      cost: (task) => learned.cost(id, task),
      start: (task, booked) => this.#start(deployment, task, booked),
      handBack: (tasks) => this.#ports.usedUp(tasks, id),
      tooLate: (task) => this.#ports.tooLate(task),
      taken: (jobs) => {
        counts.taken += jobs;
      },
      mostCalls: limited ? Number.POSITIVE_INFINITY : UNLIMITED_CONCURRENCY,
    });
    this.#gates.set(id, gate);
  }

  #start(deployment: Deployment, task: Task, booked: Permit): void {
    const { agenda, budgets, learned, providers, started, tooLate } = this.#ports;
    const { now } = agenda;
    const { id } = deployment;
    if (now >= task.deadlineAt) {
      budgets.release(id, booked, now);
      (this.#gates.get(id) as Gate).ended();
      return tooLate(task);
    }
    started(task, id);
    const counts = this.counts.get(id) as Counts;
    const inFlight = counts.calling;
    const predictedMs = learned.predictedMs(id, task, inFlight);
    const asking = { job: task.job, index: task.index, attempt: task.calls, now };
    const ending = (providers.of.get(id) as Provider).call(asking);
    task.firstStartAt ??= now;
    task.lastStartAt = now;
    task.calls += 1;
    counts.calling += 1;
    const call = { ...booked, ending, startedAt: now, inFlight, predictedMs };
    agenda.at(now + ending.takesMs, () => this.#end(deployment, task, call));
  }

  #end(deployment: Deployment, task: Task, call: UnderWay): void {
    const { agenda, budgets, ended, health } = this.#ports;
    const { now } = agenda;
    const { id } = deployment;
    const { cost, ending, lease, startedAt, bookedAt } = call;
    ending.finish(now);
    const usage = ending.outcome === 'ok' ? usageOf(task, ending) : null;
    const costUsd = costOf(deployment, usage);
    this.#count(id, ending, costUsd);
    const refused = ending.outcome !== 'ok' && ending.outcome !== 'timeout';
    const actual = settledCost(cost, { usage, refused, usd: costUsd }, deployment.accounting);
    const answered = usage !== null;
    const times = { tookMs: ending.takesMs, heldMs: now - bookedAt };
    budgets.settle(id, { lease, expected: cost, actual, ...times, answered }, now);
    this.#feedBack(id, call);
    if (ending.outcome === 'rate_limited') (this.#gates.get(id) as Gate).recall();
    this.#teach(id, task, { call, usage, costUsd });
    health.ended(id, ending.outcome, startedAt);
    (this.#gates.get(id) as Gate).ended();
    ended({ deployment, task, ending, startedAt, actual });
  }

  #count(id: string, { outcome }: Ending, costUsd: number | null): void {
    const counts = this.counts.get(id) as Counts;
    counts.calling -= 1;
    counts.ended += 1;
    if (outcome !== 'ok') counts.failed += 1;
    const total = this.totals.get(id) as CallCounts;
    total.calls += 1;
    if (outcome === 'rate_limited') total.limited += 1;
    if (costUsd !== null) total.costUsd = (total.costUsd ?? 0) + costUsd;
  }

  /** Passes on what an answer says about limits. */
  #feedBack(id: string, { cost, ending }: UnderWay): void {
    const { agenda, budgets, providers, random } = this.#ports;
    const { now } = agenda;
    const { limit, outcome, retryAfterMs, takesMs: tookMs } = ending;
    if (outcome === 'rate_limited')
      budgets.refuse(id, { cost, limit, retryAfterMs, tookMs }, { now, random: random() });
    const reports = (providers.of.get(id) as Provider).remaining(now);
    if (reports.length > 0) budgets.observe(id, reports, now);
  }

  #teach(
    id: string,
    task: Task,
    { call, usage, costUsd }: { call: UnderWay; usage: Usage | null; costUsd: number | null },
  ): void {
    const { ending, inFlight, predictedMs } = call;
    this.#ports.learned.ended(id, task, {
      outcome: ending.outcome,
      tookMs: ending.takesMs,
      characters: task.job.characters,
      usage,
      costUsd: costUsd ?? 0,
      predictedMs,
      inFlight,
      now: this.#ports.agenda.now,
    });
  }
}

/** US dollars; null where the deployment has no price. A call without an answer costs nothing. */
function costOf({ price }: Deployment, usage: Usage | null): number | null {
  if (price === null) return null;
  return usage === null ? 0 : paidFor(usage, price);
}

const usageOf = (task: Task, ending: Ending): Usage => ({
  input_tokens: task.job.inputTokens,
  cached_tokens: 0,
  output_tokens: ending.outputTokens,
  reasoning_tokens: 0,
});
