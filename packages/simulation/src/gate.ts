/**
 * The gate of one deployment, as the worker has it: placed jobs wait here for their booking, interactive ones in a lane
 * of their own, and start at the moment that was booked.
 */
import type { Band, Cost } from '@sluice/budget';
import type { Agenda } from './agenda.ts';
import type { Booked } from './budgets.ts';
import type { Task } from './task.ts';

/** The right to make one call. */
export interface Permit {
  lease: string;
  cost: Cost;
  bookedAt: number;
}

export interface GatePorts {
  agenda: Agenda;
  book: (asked: { costs: Cost[]; band: Band; leases: string[] }) => Booked;
  release: (booked: Permit) => void;
  cost: (task: Task) => Cost;
  /** Makes the call. */
  start: (task: Task, booked: Permit) => void;
  /** Too little is left of a day or month for these: they may go elsewhere. */
  handBack: (tasks: readonly Task[]) => void;
  /** Its deadline has passed while it waited here. */
  tooLate: (task: Task) => void;
  /** Jobs that left the queue, booked or not. */
  taken: (jobs: number) => void;
  /** Calls at once where no limit says how many. */
  mostCalls: number;
}

interface Lane {
  pending: Task[];
  /** The look that is planned, if any: an older one is void. */
  look: number;
  /** Whether it waits for a call to end, rather than for a moment. */
  forPlace: boolean;
  /** Until when it has nothing left of a day or month; null = it waits for something else. */
  usedUpUntil: number | null;
}

/** A call that is booked and has not started; null once it was given up. */
interface Scheduled {
  task: Task | null;
}

/** As the worker's gate. */
const LARGEST_BOOKING = 32;
const LONGEST_WAIT_MS = 250;
/** For a day to pass the worker asks as often; here that would be all that is simulated. */
const LONGEST_DAY_WAIT_MS = 60_000;
const BANDS: readonly Band[] = ['interactive', 'batch'];

const bandOf = ({ job }: Task): Band => (job.priority === 'interactive' ? 'interactive' : 'batch');

export class Gate {
  readonly #ports: GatePorts;
  readonly #lanes: Record<Band, Lane> = {
    interactive: { pending: [], look: 0, forPlace: false, usedUpUntil: null },
    batch: { pending: [], look: 0, forPlace: false, usedUpUntil: null },
  };
  #scheduled = new Set<Scheduled & Permit>();
  #leases = 0;
  #calls = 0;
  #closed = false;

  constructor(ports: GatePorts) {
    this.#ports = ports;
  }

  get waiting(): number {
    const { interactive, batch } = this.#lanes;
    return interactive.pending.length + batch.pending.length + this.#scheduled.size;
  }

  /** Jobs that wait for a day or month to give something back, and until when. */
  get usedUp(): { jobs: number; until: number } {
    let [jobs, until] = [0, Infinity];
    for (const { pending, usedUpUntil } of Object.values(this.#lanes)) {
      if (usedUpUntil === null) continue;
      jobs += pending.length;
      until = Math.min(until, usedUpUntil);
    }
    return { jobs, until };
  }

  ask(tasks: readonly Task[]): void {
    for (const task of tasks) this.#lanes[bandOf(task)].pending.push(task);
    this.#lookAtAll();
  }

  /** A call has ended: a permit and a place may be free. It never makes a rate come free sooner. */
  ended(): void {
    this.#calls -= 1;
    for (const band of BANDS) if (this.#lanes[band].forPlace) this.#look(band);
  }

  /** Turns away whatever has not started; returns it. */
  close(): Task[] {
    this.#closed = true;
    const away = [...this.#lanes.interactive.pending, ...this.#lanes.batch.pending];
    this.#ports.taken(away.length);
    this.#lanes.interactive.pending = [];
    this.#lanes.batch.pending = [];
    for (const each of this.#scheduled) {
      if (each.task) away.push(each.task);
      each.task = null;
      this.#ports.release(each);
    }
    this.#scheduled.clear();
    return away;
  }

  /** The provider refused a call: what is booked for later asks again, in its order, and learns of the pause. */
  recall(): void {
    const recalled = [...this.#scheduled];
    if (recalled.length === 0) return;
    this.#scheduled.clear();
    this.#ports.taken(-recalled.length);
    const tasks = recalled.flatMap((each) => {
      const { task } = each;
      each.task = null;
      this.#ports.release(each);
      return task ?? [];
    });
    for (const band of BANDS)
      this.#lanes[band].pending.unshift(...tasks.filter((task) => bandOf(task) === band));
    this.#lookAtAll();
  }

  open(): void {
    if (!this.#closed) return;
    this.#closed = false;
    this.#lookAtAll();
  }

  #lookAtAll(): void {
    for (const band of BANDS) this.#look(band);
  }

  /** Books what waits in a lane until the next has to wait, and plans to look again then. */
  #look(band: Band): void {
    const lane = this.#lanes[band];
    lane.look += 1;
    lane.forPlace = false;
    lane.usedUpUntil = null;
    this.#endOverdue(lane);
    while (lane.pending.length > 0 && !this.#closed) {
      const { all, askAgainMs, byPermit, byDay } = this.#book(lane, band);
      if (all) continue;
      const waitMs = askAgainMs ?? LONGEST_WAIT_MS;
      // A call that ends gives back what it was booked with too much.
      lane.forPlace = byPermit || byDay;
      if (byDay) lane.usedUpUntil = this.#ports.agenda.now + waitMs;
      this.#lookLater(band, Math.min(waitMs, byDay ? LONGEST_DAY_WAIT_MS : LONGEST_WAIT_MS));
      return;
    }
  }

  /** As the worker's gate: nobody calls for them any more, whatever they wait for. */
  #endOverdue(lane: Lane): void {
    const { agenda, taken, tooLate } = this.#ports;
    const isLate = ({ deadlineAt }: Task): boolean => deadlineAt <= agenda.now;
    if (!lane.pending.some(isLate)) return;
    const late = lane.pending.filter(isLate);
    lane.pending = lane.pending.filter((task) => !isLate(task));
    taken(late.length);
    for (const task of late) tooLate(task);
  }

  #lookLater(band: Band, inMs: number): void {
    const lane = this.#lanes[band];
    const { look } = lane;
    const { agenda } = this.#ports;
    agenda.at(agenda.now + inMs, () => {
      if (lane.look === look) this.#look(band);
    });
  }

  /** `all`: everything asked for was granted, and there is more to ask for. */
  #book(lane: Lane, band: Band): Omit<Booked, 'starts' | 'passedOver'> & { all: boolean } {
    const places = this.#ports.mostCalls - this.#calls - this.#scheduled.size;
    if (places <= 0) return { all: false, askAgainMs: null, byPermit: true, byDay: false };
    const asked = lane.pending.slice(0, Math.min(LARGEST_BOOKING, places));
    const costs = asked.map((task) => this.#ports.cost(task));
    const leases = asked.map(() => `${(this.#leases += 1)}`);
    const { passedOver, starts, ...wait } = this.#ports.book({ costs, band, leases });
    const over = new Set(passedOver);
    const open = [...asked.keys()].filter((i) => !over.has(i));
    const left = open.slice(starts.length).map((i) => asked[i] as Task);
    lane.pending.splice(0, asked.length, ...left);
    this.#ports.taken(asked.length - left.length);
    starts.forEach((at, nth) => {
      const i = open[nth] as number;
      const { now: bookedAt } = this.#ports.agenda;
      const booked = { lease: leases[i] as string, cost: costs[i] as Cost, bookedAt };
      this.#schedule(asked[i] as Task, booked, at);
    });
    if (over.size > 0) this.#ports.handBack(passedOver.map((i) => asked[i] as Task));
    return { all: left.length === 0, ...wait };
  }

  #schedule(task: Task, booked: Permit, at: number): void {
    const scheduled: Scheduled & typeof booked = { task, ...booked };
    this.#scheduled.add(scheduled);
    this.#ports.agenda.at(at, () => {
      if (scheduled.task === null) return;
      this.#scheduled.delete(scheduled);
      this.#calls += 1;
      this.#ports.start(scheduled.task, booked);
    });
  }
}
