/**
 * What waits for a place. Whose turn it is, is the business of packages/fairness; here is what a turn is about: a single
 * job (or one that failed and comes back), or the lines of a batch by class, so that the order of a file does not matter.
 */
import { ShapedTenants, arrive, createTurns, leave, setWeight } from '@sluice/fairness';
import type { Turns } from '@sluice/fairness';
import type { Priority, Tenant } from '@sluice/job';
import { Line } from './line.ts';
import type { Task } from './task.ts';

/** The part of a batch that one lane can run. */
export interface BatchPart {
  kind: 'batch';
  id: string;
  batch: string;
  deadlineAt: number;
  /** By class. */
  lines: Map<string, Line>;
}

/** Lines of batches that wait and are alike. */
export interface LineClass {
  lines: number;
  /** Summed. */
  characters: number;
  example: Task;
}

export interface Single {
  kind: 'single';
  task: Task;
}

/** What keeps jobs of one pool apart. */
export interface Keeping {
  /** The arm that its pool's strategy keeps a job to; null = none. */
  armOf: (task: Task) => string | null;
  /** Whether a limit per day or month counts in its pool: then not all of its jobs fit alike. */
  countsDays: (task: Task) => boolean;
}

export class Backlog {
  readonly turns: Turns;
  /** Tenants at a limit of their own have no turn. */
  readonly shaped: ShapedTenants;
  readonly #items = new Map<string, BatchPart | Single>();
  /** By tenant and band, the earliest deadline first. */
  readonly #parts = new Map<string, BatchPart[]>();
  /** By batch: lines placed and not ended. */
  readonly #out = new Map<string, number>();
  readonly #waiting = new Set<Task>();
  readonly #keeping: Keeping;
  /** By tenant: what is placed and has not ended. */
  readonly #underWay = new Map<string, Set<Task>>();
  /** What is to be planned, by class. */
  readonly classes = new Map<string, LineClass>();

  constructor(tenants: readonly Tenant[], keeping: Keeping) {
    this.#keeping = keeping;
    this.turns = createTurns();
    for (const { id, weight } of tenants) setWeight(this.turns, id, weight);
    this.shaped = new ShapedTenants(this.turns, (tenant) => this.#underWayOf(tenant).size);
    this.shaped.follow(tenants, 0);
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  isWaiting(task: Task): boolean {
    return this.#waiting.has(task);
  }

  /** A job of each kind that waits: of those that are alike and may go to the same deployments one stands for all. */
  *kinds(): Generator<Task> {
    for (const { lines, example } of this.classes.values()) if (lines > 0) yield example;
    const seen = new Set<string>();
    for (const item of this.#items.values()) {
      if (item.kind !== 'single') continue;
      const { task } = item;
      const kind = `${task.kindKey} ${task.job.maxTier ?? ''} ${task.shunned?.deployment ?? ''}`;
      if (seen.has(kind)) continue;
      seen.add(kind);
      yield task;
    }
  }

  item(id: string): BatchPart | Single | undefined {
    return this.#items.get(id);
  }

  /** What a tenant's batches of a band have waiting. */
  parts(tenant: string, band: Priority): readonly BatchPart[] {
    const key = shareKey(tenant, band);
    const parts = (this.#parts.get(key) ?? []).filter(({ id }) => this.#items.has(id));
    this.#parts.set(key, parts);
    return parts;
  }

  /** A job that has arrived: a line joins its batch. */
  arrive(task: Task): void {
    if (task.job.batch === null) this.again(task);
    else this.#addLine(task, task.job.batch);
  }

  /** A job that waits on its own: a single one, or one that failed and comes back. */
  again(task: Task): void {
    this.noLongerUnderWay(task);
    const id = singleId(task);
    this.#items.set(id, { kind: 'single', task });
    this.#waiting.add(task);
    this.#arrive(task, { id, lane: this.#laneOf(task), again: task.job.batch !== null });
  }

  /** It no longer waits: its time is over. */
  drop(task: Task): void {
    this.#waiting.delete(task);
    const id = singleId(task);
    if (this.#items.delete(id)) leave(this.turns, id);
    else this.#countLine(task, -1);
  }

  /** Takes jobs off an item, in their order; says whether nothing of it is left. */
  take(id: string, line: Line | null, jobs: number): { tasks: Task[]; finished: boolean } {
    const item = this.#items.get(id);
    if (!item) return { tasks: [], finished: true };
    const tasks = item.kind === 'single' ? [item.task] : (line?.take(jobs) ?? []);
    for (const task of tasks) {
      this.#waiting.delete(task);
      this.#underWayOf(task.job.tenant).add(task);
      if (item.kind === 'batch') this.#countLine(task, -1);
    }
    if (item.kind === 'batch') this.#out.set(item.batch, this.out(item.batch) + tasks.length);
    const finished = item.kind === 'single' || isEmpty(item);
    if (finished) this.#items.delete(id);
    return { tasks, finished };
  }

  /** Lines of a batch that are placed and not ended. */
  out(batch: string): number {
    return this.#out.get(batch) ?? 0;
  }

  /** A line that was placed has ended. */
  ended(batch: string): void {
    this.#out.set(batch, this.out(batch) - 1);
  }

  /** Its call has ended, or it was turned away before. */
  noLongerUnderWay(task: Task): void {
    this.#underWayOf(task.job.tenant).delete(task);
  }

  #underWayOf(tenant: string): Set<Task> {
    const known = this.#underWay.get(tenant) ?? new Set();
    this.#underWay.set(tenant, known);
    return known;
  }

  #addLine(task: Task, batch: string): void {
    const lane = this.#laneOf(task);
    const id = `${batch} ${lane}`;
    let part = this.#items.get(id);
    if (part?.kind !== 'batch') {
      part = { kind: 'batch', id, batch, deadlineAt: task.deadlineAt, lines: new Map() };
      this.#items.set(id, part);
      const key = shareKey(task.job.tenant, task.job.priority);
      const parts = [...(this.#parts.get(key) ?? []), part];
      this.#parts.set(
        key,
        parts.toSorted((a, b) => a.deadlineAt - b.deadlineAt),
      );
      this.#arrive(task, { id, lane });
    }
    const line = part.lines.get(task.classKey) ?? new Line(task.classKey);
    part.lines.set(task.classKey, line);
    line.add(task);
    this.#waiting.add(task);
    this.#countLine(task, 1);
  }

  #laneOf(task: Task): string {
    const arm = this.#keeping.armOf(task);
    return laneOf(task, { arm, bySize: this.#keeping.countsDays(task) });
  }

  #arrive(
    { job, deadlineAt }: Task,
    { id, lane, again = false }: { id: string; lane: string; again?: boolean },
  ): void {
    const { tenant, priority: band } = job;
    arrive(this.turns, { id, tenant, band, lane, deadlineAt, again });
  }

  #countLine(task: Task, sign: 1 | -1): void {
    const { characters } = task.job;
    const known = this.classes.get(task.classKey) ?? { lines: 0, characters: 0, example: task };
    known.lines += sign;
    known.characters += sign * characters;
    this.classes.set(task.classKey, known);
  }
}

const shareKey = (tenant: string, band: Priority): string => `${band} ${tenant}`;
const singleId = ({ index }: Task): string => `job ${index}`;

/**
 * What finds room together or not at all. A job that failed has places where it does not want to go; `bySize`: of what is left of a day
 * small ones may find room where large ones do not.
 */
function laneOf(
  { job, classKey, exclude, minTier, shunned }: Task,
  { arm, bySize }: { arm: string | null; bySize: boolean },
): string {
  const { maxTier = null } = job;
  const able = job.eligible === null ? '*' : [...job.eligible].join(',');
  const last = maxTier === null ? '' : ` to ${maxTier}`;
  const spoilt = exclude.length > 0 || minTier > 1 ? ` not ${exclude.join(',')} ${minTier}` : '';
  const size = bySize && job.batch === null ? ` size ${classKey}` : '';
  const away = bySize && shunned !== null ? ` size ${classKey} not ${shunned.deployment}` : size;
  return `${job.pool} ${able}${last}${spoilt}${away}${arm === null ? '' : ` for ${arm}`}`;
}

const isEmpty = ({ lines }: BatchPart): boolean =>
  [...lines.values()].every(({ head }) => head === undefined);
