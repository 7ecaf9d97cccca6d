/**
 * The plan in force: made every few seconds and when something has changed (a batch begun or ended, a deployment's state,
 * a fifth of what waits), one at a time, and how far it has been followed. Without one, or when the solver fails, room alone
 * decides. While a plan is being made the one before is followed; what is placed meanwhile counts in the new one, too.
 */
import {
  behindOf,
  mostNow,
  nextPair,
  PLAN_EVERY_MS,
  placed,
  replan,
  startPace,
} from '@sluice/planning';
import type {
  Behind,
  Cost,
  DrainProblem,
  Pace,
  PaceFacts,
  Pair,
  Plan,
  Planned,
} from '@sluice/planning';

/** Lines that belong to a class of the plan, which one may change with the plan. */
export interface OfClass {
  planId: string;
}

/** What is to be planned, and by which names its classes go once it is: the plan before knows other ones. */
interface Naming {
  problem: DrainProblem;
  names: ReadonlyMap<OfClass, string>;
}

export interface PlanBookPorts {
  /** What is to be planned now. `horizonMs`: deadlines beyond it do not matter. */
  problem: (horizonMs: number) => Naming;
  solve: (problem: DrainProblem) => Promise<Planned>;
  /** Lines that wait to be fed; null = nothing drains. */
  waiting: () => number | null;
  /** A plan was made, or could not be made. */
  onPlan: () => void;
  onError: (what: string, error: unknown) => void;
  now: () => number;
}

/** Jobs that were placed while a plan was made. */
interface Meanwhile {
  of: OfClass;
  deployment: string;
  jobs: number;
}

/** However much happens: a plan takes up to some tenths of a second of a core. */
const LEAST_MS = 250;
/** A change of what waits, as a part, that makes the plan another. */
const CHANGED = 0.2;
/** Deadlines beyond so many times what the last plan took cannot bite, nor those beyond a day. */
const HORIZON = 3;
const FIRST_HORIZON_MS = 86_400_000;

export class PlanBook {
  readonly #ports: PlanBookPorts;
  #asked = true;
  #begunAt = Number.NEGATIVE_INFINITY;
  #madeAt = Number.NEGATIVE_INFINITY;
  #waitingThen = 0;
  #making: Promise<void> | null = null;
  #closed = false;
  /** Since the jobs were counted for the plan that is being made. */
  #meanwhile: Meanwhile[] = [];
  #pace: Pace | null = null;
  #plan: Plan | null = null;
  #problem: DrainProblem | null = null;
  #costs = new Map<string, ReadonlyMap<string, Cost>>();

  constructor(ports: PlanBookPorts) {
    this.#ports = ports;
  }

  get plan(): Plan | null {
    return this.#plan;
  }

  /** When the plan in force was made, Unix ms. */
  get madeAt(): number {
    return this.#madeAt;
  }

  /** Something has changed: the next look makes a plan. */
  ask(): void {
    this.#asked = true;
  }

  /** Makes a plan if one is due. Resolves when it is there; at once when none is. */
  look(): Promise<void> {
    if (this.#making) return this.#making;
    const sinceMs = this.#ports.now() - this.#begunAt;
    const waiting = this.#ports.waiting();
    if (waiting === null && this.#plan === null) return Promise.resolve();
    const due = this.#asked || sinceMs >= PLAN_EVERY_MS || this.#hasChanged(waiting ?? 0);
    if (!due || sinceMs < LEAST_MS) return Promise.resolve();
    this.#making = this.#make(waiting).finally(() => {
      this.#making = null;
    });
    return this.#making;
  }

  #hasChanged(waiting: number): boolean {
    const before = this.#waitingThen;
    return Math.abs(waiting - before) > CHANGED * Math.max(1, before);
  }

  async #make(waiting: number | null): Promise<void> {
    const { onPlan, onError, now } = this.#ports;
    this.#asked = false;
    this.#waitingThen = waiting ?? 0;
    this.#begunAt = now();
    this.#meanwhile = [];
    try {
      if (waiting === null) this.#follow(null, null, null);
      else await this.#solve();
    } catch (error) {
      this.#follow(null, null, null);
      onError('planning', error);
    }
    if (!this.#closed) onPlan();
  }

  async #solve(): Promise<void> {
    const { problem: problemOf, solve, onError } = this.#ports;
    const { problem, names } = problemOf(
      this.#plan ? HORIZON * this.#plan.plannedMs : FIRST_HORIZON_MS,
    );
    const behind = this.#pace && behindOf(this.#pace, this.#begunAt - this.#madeAt);
    const planned = await solve(problem);
    if (this.#closed) return;
    for (const [of, name] of names) of.planId = name;
    if (planned.kind === 'failed') onError('planning', planned.reason);
    this.#follow(planned.kind === 'solved' ? planned.plan : null, problem, behind);
  }

  #follow(plan: Plan | null, problem: DrainProblem | null, behind: Behind | null): void {
    this.#pace = plan && (behind ? replan(behind, plan) : startPace(plan));
    for (const { of, deployment, jobs } of this.#meanwhile) this.#count(of, deployment, jobs);
    this.#madeAt = this.#begunAt;
    this.#plan = plan;
    this.#problem = problem;
    this.#costs = new Map(
      (problem?.classes ?? []).map(({ id, deployments }) => [
        id,
        new Map(Object.entries(deployments).map(([place, { cost }]) => [place, cost])),
      ]),
    );
  }

  /** What the plan in force was made for. */
  get problem(): DrainProblem | null {
    return this.#problem;
  }

  /** Whether the plan says where jobs of the class go. */
  knows(jobClass: string): boolean {
    return this.#pace?.classes.has(jobClass) ?? false;
  }

  /** Mean cost of a job of the class there; null where the plan has no place for it. */
  cost(jobClass: string, deployment: string): Cost | null {
    return this.#costs.get(jobClass)?.get(deployment) ?? null;
  }

  /** The class and deployment that come next; null when the plan lets none of what waits go where there is room. */
  next(facts: Omit<PaceFacts, 'atMs'>): Pair | null {
    return this.#pace && nextPair(this.#pace, { ...facts, atMs: this.#atMs });
  }

  /** Jobs of the pair that may be placed together now. */
  most(pair: Pair): number {
    return this.#pace ? mostNow(this.#pace, pair, this.#atMs) : Infinity;
  }

  /** The time of the plan that it is, ms. */
  get #atMs(): number {
    return this.#ports.now() - this.#madeAt;
  }

  /** So many jobs of the class were placed there. */
  placed(of: OfClass, deployment: string, jobs: number): void {
    if (this.#making) this.#meanwhile.push({ of, deployment, jobs });
    this.#count(of, deployment, jobs);
  }

  #count({ planId }: OfClass, deployment: string, jobs: number): void {
    if (this.#pace) placed(this.#pace, { class: planId, deployment }, jobs);
  }

  /** Ends when nothing is being made any more; what still is will not be followed. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#making;
  }
}
