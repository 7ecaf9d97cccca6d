/**
 * Which lines of a tenant's batches go where next, within one round of placing: the plan says which class and deployment, placement
 * whether that has room; lines that no plan leads go where placement puts them. As the dispatcher's round of the same name.
 */
import type { Fleet, Priority } from '@sluice/job';
import type { Choice } from '@sluice/balancing';
import { isPlanned, mostNow, nextPair } from '@sluice/planning';
import type { Backlog } from './backlog.ts';
import type { Line } from './line.ts';
import type { Chooser, Place } from './chooser.ts';
import { grouped } from './grouped.ts';
import type { HealthBook } from './health-book.ts';
import type { Planner } from './planner.ts';
import type { Settings } from './scenario.ts';
import type { Spilling } from './spilling.ts';
import type { Task } from './task.ts';

export interface RoundPorts {
  fleet: Pick<Fleet, 'deployments'>;
  backlog: Backlog;
  chooser: Chooser;
  health: HealthBook;
  planner: Planner;
  spilling: Spilling;
  settings: Pick<Settings, 'windowLines'>;
}

/** Lines of one class of a batch that may be placed now. */
interface Waiting {
  /** The batch's part: its item among the turns. */
  item: string;
  line: Line;
  head: Task;
  jobs: number;
}

/** Lines of a batch, beside all that its tenant has waiting in the band. */
interface OfShare {
  batch: string | null;
  own: readonly Waiting[];
  share: readonly Waiting[];
}

/** Lines that have a place. */
export interface FoundLines extends Pick<Waiting, 'item' | 'head' | 'line'> {
  choice: Place;
}

export class FeedRound {
  readonly #ports: RoundPorts;
  readonly #now: number;
  readonly #halfOpen: ReadonlySet<string>;
  /** Within one round nothing gets emptier: what had no room has none. */
  readonly #full = new Set<Line | string>();

  constructor(ports: RoundPorts, now: number) {
    this.#ports = ports;
    this.#now = now;
    const { fleet, health } = ports;
    this.#halfOpen = new Set(
      [...fleet.deployments.keys()].filter((id) => health.standing(id, now).state === 'half_open'),
    );
  }

  /** The tenant's batches in turn: the first of which some lines have room; null = none has. */
  takeTurn(tenant: string, band: Priority): FoundLines | null {
    const share = this.#waiting(tenant, band);
    for (const [batch, own] of grouped(share, ({ head }) => head.job.batch)) {
      const found =
        this.#byTrial(own) ??
        this.#byPlan({ batch, own, share }) ??
        this.#bySpill(own) ??
        this.#byRoom(own);
      if (found) return found;
    }
    return null;
  }

  #waiting(tenant: string, band: Priority): Waiting[] {
    const { backlog, settings } = this.#ports;
    const most = backlog.shaped.most(tenant, this.#now);
    return backlog.parts(tenant, band).flatMap((part): Waiting[] => {
      const left = Math.min(most, settings.windowLines - backlog.out(part.batch));
      if (left <= 0) return [];
      return [...part.lines.values()].flatMap((line): Waiting[] =>
        line.head
          ? [{ item: part.id, line, head: line.head, jobs: Math.min(left, line.length) }]
          : [],
      );
    });
  }

  /** A half-open deployment is tried with the first line that it can run: no plan reckons with it. */
  #byTrial(open: readonly Waiting[]): FoundLines | null {
    if (this.#halfOpen.size === 0) return null;
    for (const waiting of open)
      for (const id of this.#ports.chooser.poolOf(waiting.head).tiers.flat()) {
        const key = `trial ${waiting.item} ${waiting.line.key} ${id}`;
        if (!this.#halfOpen.has(id) || this.#full.has(key)) continue;
        const choice = this.#placeFor(waiting, new Set([id]));
        if (choice.kind === 'place') return { ...waiting, choice };
        this.#full.add(key);
      }
    return null;
  }

  /** The class and deployment whose turn it is by the plan. */
  #byPlan({ batch, own, share }: OfShare): FoundLines | null {
    const { planner } = this.#ports;
    const { pace } = planner;
    const planned = own.filter((waiting) => this.#isPlanned(waiting));
    if (pace === null || planned.length === 0) return null;
    const classIn = ({ line }: Waiting): string | null => planner.classOf(line.key);
    const classes = grouped(planned, classIn);
    const ofShare = grouped(share, classIn);
    const found = new Map<string, FoundLines>();
    const atMs = this.#now - planner.madeAt;
    const waiting = this.#waitingLines();
    const pair = nextPair(pace, {
      atMs,
      waiting: (id) => waiting.get(id) ?? 0,
      own: (id) => ofShare.has(id),
      mayGo: (id, deployment) => {
        const [first] = classes.get(id) ?? [];
        if (first === undefined) return this.#someMayGo(ofShare.get(id), deployment);
        return this.#mayGo(first, deployment);
      },
      hasRoom: (id, deployment) => {
        const [first] = classes.get(id) ?? [];
        const key = `${batch} ${id} ${deployment}`;
        if (first === undefined || this.#full.has(key)) return false;
        const choice = this.#placeFor(first, new Set([deployment]));
        if (choice.kind === 'place') found.set(key, { ...first, choice });
        else this.#full.add(key);
        return choice.kind === 'place';
      },
    });
    const next = pair && found.get(`${batch} ${pair.class} ${pair.deployment}`);
    if (!next) return null;
    const jobs = Math.min(next.choice.jobs, mostNow(pace, pair, atMs));
    return { ...next, choice: { ...next.choice, jobs } };
  }

  #isPlanned = ({ line, head }: Waiting): boolean =>
    isPlanned(this.#ports.chooser.poolOf(head)) && this.#ports.planner.classOf(line.key) !== null;

  /** Whether lines of another batch have a claim there: those that are kept to an arm have none on the others. */
  #someMayGo(lines: readonly Waiting[] | undefined, deployment: string): boolean {
    const { chooser } = this.#ports;
    return lines === undefined || lines.some(({ head }) => chooser.mayUse(head, deployment));
  }

  #mayGo(waiting: Waiting, deployment: string): boolean {
    const hasRoom = (id: string): boolean =>
      this.#placeFor(waiting, new Set([id])).kind === 'place';
    return this.#ports.spilling.mayGo(waiting.head, { deployment, hasRoom }, this.#now);
  }

  /** Lines that have waited long enough go to later tiers that the plan does not count for them. */
  #bySpill(open: readonly Waiting[]): FoundLines | null {
    const { planner, spilling } = this.#ports;
    for (const waiting of open) {
      const { line, head } = waiting;
      const tiers = this.#isPlanned(waiting) ? spilling.tiersOf(head, this.#now) : null;
      if (tiers === null || this.#full.has(`spills ${waiting.item} ${line.key}`)) continue;
      const pairs = planner.pace?.classes.get(planner.classOf(line.key) ?? '')?.pairs ?? [];
      const uncounted = [...tiers.later].filter(
        (id) => pairs.every(({ deployment }) => deployment.id !== id) && this.#mayGo(waiting, id),
      );
      const choice = this.#placeFor(waiting, new Set(uncounted));
      if (choice.kind === 'place') return { ...waiting, choice };
      this.#full.add(`spills ${waiting.item} ${line.key}`);
    }
    return null;
  }

  /** Of all tenants, by class of the plan. */
  #waitingLines(): Map<string, number> {
    const { planner, backlog } = this.#ports;
    const waiting = new Map<string, number>();
    for (const [key, { lines }] of backlog.classes) {
      const id = planner.classOf(key);
      if (id !== null) waiting.set(id, (waiting.get(id) ?? 0) + lines);
    }
    return waiting;
  }

  /** Lines that no plan leads go wherever there is room. */
  #byRoom(open: readonly Waiting[]): FoundLines | null {
    for (const waiting of open) {
      const { line } = waiting;
      if (this.#full.has(line) || this.#isPlanned(waiting)) continue;
      const choice = this.#placeFor(waiting, null);
      if (choice.kind === 'place') return { ...waiting, choice };
      this.#full.add(line);
    }
    return null;
  }

  /** For lines of a batch: these wait for the first tier from another moment than each of them for its turn. */
  #placeFor(
    { head, jobs }: Pick<Waiting, 'head' | 'jobs'>,
    among: ReadonlySet<string> | null,
  ): Choice {
    const since = this.#ports.spilling.since(head, this.#now) ?? head.waitingSince;
    return this.#ports.chooser.choose(head, { jobs, among, since }, this.#now);
  }
}
