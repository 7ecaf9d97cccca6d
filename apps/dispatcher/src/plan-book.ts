/**
 * The plan in force: made every few seconds and when something has changed (a batch begun or ended, a deployment's state,
 * a fifth of what waits), one at a time, and how far it has been followed. Without one, or when the solver fails, room alone
 * decides.
 */
import { makePlan, mostNow, nextPair, placed, replan, startPace } from '@sluice/planning';
import type { Cost, DrainProblem, Pace, PaceFacts, Pair, Plan } from '@sluice/planning';

export interface PlanBookPorts {
  /** What is to be planned now. `horizonMs`: deadlines beyond it do not matter. */
  problem: (horizonMs: number) => DrainProblem;
  /** Lines that wait to be fed; null = nothing drains. */
  waiting: () => number | null;
  /** A plan was made, or could not be made. */
  onPlan: (plan: Plan | null) => void;
  onError: (what: string, error: unknown) => void;
  now: () => number;
}

const EVERY_MS = 3_000;
/** However much happens: a plan takes some ms of the only thread. */
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
    const due = this.#asked || sinceMs >= EVERY_MS || this.#hasChanged(waiting ?? 0);
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
    const { problem: problemOf, onPlan, onError, now } = this.#ports;
    this.#asked = false;
    this.#waitingThen = waiting ?? 0;
    this.#begunAt = now();
    try {
      if (waiting === null) return this.#follow(null, null);
      const problem = problemOf(this.#plan ? HORIZON * this.#plan.plannedMs : FIRST_HORIZON_MS);
      const planned = await makePlan(problem);
      if (planned.kind === 'failed') onError('planning', planned.reason);
      this.#follow(planned.kind === 'solved' ? planned.plan : null, problem);
    } catch (error) {
      this.#follow(null, null);
      onError('planning', error);
    } finally {
      onPlan(this.#plan);
    }
  }

  #follow(plan: Plan | null, problem: DrainProblem | null): void {
    const afterMs = this.#begunAt - this.#madeAt;
    this.#pace = plan && (this.#pace ? replan(this.#pace, plan, afterMs) : startPace(plan));
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

  placed(pair: Pair, jobs: number): void {
    if (this.#pace) placed(this.#pace, pair, jobs);
  }

  /** Ends when nothing is being made any more. */
  async close(): Promise<void> {
    await this.#making;
  }
}
