/**
 * The gate of one deployment in one process: calls wait here for their booking.
 *
 * Everything that waits asks together, oldest first, in one Redis call for up to 32 calls; interactive calls ask in a call
 * of their own, so a batch's wait is never theirs. A booking is a moment to start within the horizon. Waits end by time, by
 * a call of this process ending (a concurrency lease came free) or by a newcomer. A process delayed by more than 100 ms
 * past its moment asks again, because the provider's clock went on. What a day or month has too little left for does not
 * wait here: others may have room for it, and what is smaller may still fit.
 */
import { randomUUID } from 'node:crypto';
import type { Cost } from '@sluice/budget';

export interface Booking {
  /** Positions of calls for which too little is left of a day or month, from 0. */
  passedOver: number[];
  /**
   * Delay of each granted call from now, ms: a prefix of the others that were asked for. Below 0: its moment has passed, because
   * the answer was long in coming.
   */
  delaysMs: number[];
  /** When to ask again for the rest; null when all were granted. */
  askAgainMs: number | null;
}

export interface GatePorts {
  book: (costs: Cost[], band: 'interactive' | 'batch', leases: string[]) => Promise<Booking>;
  /** Gives booked leases up whose calls are not made. */
  release: (leases: string[], costs: Cost[]) => void;
  /** Calls at once in this process; Infinity where a limit of the deployment says how many. */
  mostCalls: () => number;
  now: () => number;
}

export interface Asking {
  cost: Cost;
  /** Names its booking. What is given back and booked again gets another name: the giving back may come after the booking. */
  lease: string;
  band: 'interactive' | 'batch';
  /** Its deadline, ms: a call that cannot start before it is turned away. */
  until: number;
}

/**
 * Make the call now, which was booked under that lease at that moment, ms. Else nothing was spent. `turned_away`: the deployment takes no calls, the process ends or it is
 * too late. `used_up`: of a limit per day or month too little is left for it.
 */
export type Admission = { bookedAt: number; lease: string } | NotAdmitted;
export type NotAdmitted = 'turned_away' | 'used_up';

interface Pending extends Asking {
  settle: (answer: Admission) => void;
}

/** What is granted, and when its booking was asked for. */
interface Granted {
  pending: Pending;
  bookedAt: number;
}

const LARGEST_BOOKING = 32;
const TOO_LATE_MS = 100;
/** When only a concurrency lease is missing, somebody else's process may free one unseen. */
const LONGEST_WAIT_MS = 250;

export class Gate {
  readonly #ports: GatePorts;
  readonly #lanes = { interactive: new Lane(), batch: new Lane() };
  readonly #scheduled = new Set<Granted & { timer: NodeJS.Timeout }>();
  #closed = false;
  #calls = 0;

  constructor(ports: GatePorts) {
    this.#ports = ports;
  }

  /** Waits for the right to make a call. */
  ask(asking: Asking): Promise<Admission> {
    if (this.#closed) return Promise.resolve('turned_away');
    return new Promise((settle) => {
      const lane = this.#lanes[asking.band];
      lane.pending.push({ ...asking, settle });
      this.#pump(lane, asking.band);
    });
  }

  /** Whoever was told to start has ended: a lease and a place may be free. */
  ended(): void {
    this.#calls--;
    this.#lanes.interactive.wake();
    this.#lanes.batch.wake();
  }

  /** Turns away everything that waits, and everything that asks until `open`. */
  close(): void {
    this.#closed = true;
    const waiting = [...this.#lanes.interactive.takeAll(), ...this.#lanes.batch.takeAll()];
    for (const { timer, pending } of this.#scheduled) {
      clearTimeout(timer);
      this.#ports.release([pending.lease], [pending.cost]);
      waiting.push(pending);
    }
    this.#scheduled.clear();
    for (const pending of waiting) pending.settle('turned_away');
  }

  /**
   * The provider refused a call: what is booked for later asks again, in its order, and learns of the pause. Say it to
   * Redis first.
   */
  recall(): void {
    const recalled = [...this.#scheduled];
    if (recalled.length === 0) return;
    this.#scheduled.clear();
    for (const { timer } of recalled) clearTimeout(timer);
    const all = recalled.map(({ pending }) => pending);
    this.#giveBack(all);
    for (const band of ['interactive', 'batch'] as const) {
      const lane = this.#lanes[band];
      lane.pending.unshift(...all.filter((pending) => pending.band === band));
      if (lane.pending.length > 0) this.#pump(lane, band);
    }
  }

  /** What is to be booked again. */
  #giveBack(all: readonly Pending[]): void {
    this.#ports.release(
      all.map(({ lease }) => lease),
      all.map(({ cost }) => cost),
    );
    for (const pending of all) pending.lease = randomUUID();
  }

  open(): void {
    this.#closed = false;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get waiting(): number {
    const { interactive, batch } = this.#lanes;
    return interactive.pending.length + batch.pending.length + this.#scheduled.size;
  }

  #pump(lane: Lane, band: 'interactive' | 'batch'): void {
    if (lane.pumping) return lane.wake();
    lane.pumping = true;
    void this.#run(lane, band);
  }

  /** Books until nothing waits. Yields once first, so that a whole chunk asks together. */
  async #run(lane: Lane, band: 'interactive' | 'batch'): Promise<void> {
    await Promise.resolve();
    while (lane.inTime(this.#ports.now()) > 0) {
      const places = this.#ports.mostCalls() - this.#calls - this.#scheduled.size;
      if (places <= 0) {
        await lane.sleep(LONGEST_WAIT_MS);
        continue;
      }
      const asked = lane.pending.slice(0, Math.min(LARGEST_BOOKING, places));
      const bookedAt = this.#ports.now();
      const booking = await this.#book(asked, band);
      const granted = booking.delaysMs.length;
      const over = new Set(booking.passedOver);
      lane.handBack(asked.filter((_, i) => over.has(i)));
      const open = over.size === 0 ? asked : asked.filter((_, i) => !over.has(i));
      const all = open.slice(0, granted).map((pending) => ({ pending, bookedAt }));
      this.#grant(lane, all, booking.delaysMs);
      if (granted < open.length)
        await lane.sleep(Math.min(booking.askAgainMs ?? LONGEST_WAIT_MS, LONGEST_WAIT_MS));
    }
    lane.pumping = false;
  }

  async #book(asked: Pending[], band: 'interactive' | 'batch'): Promise<Booking> {
    try {
      return await this.#ports.book(
        asked.map((pending) => pending.cost),
        band,
        asked.map((pending) => pending.lease),
      );
    } catch {
      return { passedOver: [], delaysMs: [], askAgainMs: LONGEST_WAIT_MS };
    }
  }

  #grant(lane: Lane, granted: Granted[], delaysMs: number[]): void {
    const late: Pending[] = [];
    granted.forEach((one, i) => {
      const { pending } = one;
      const delayMs = delaysMs[i] as number;
      if (!lane.take(pending)) this.#ports.release([pending.lease], [pending.cost]);
      else if (delayMs < -TOO_LATE_MS) late.push(pending);
      else this.#schedule(lane, one, delayMs);
    });
    if (late.length === 0) return;
    this.#giveBack(late);
    lane.pending.unshift(...late);
  }

  #start({ pending, bookedAt }: Granted): void {
    this.#calls++;
    pending.settle({ bookedAt, lease: pending.lease });
  }

  #schedule(lane: Lane, granted: Granted, delayMs: number): void {
    const { pending } = granted;
    const due = this.#ports.now() + delayMs;
    if (due >= pending.until) {
      this.#ports.release([pending.lease], [pending.cost]);
      return pending.settle('turned_away');
    }
    if (delayMs < 1) return this.#start(granted);
    const item = {
      ...granted,
      timer: setTimeout(() => {
        this.#scheduled.delete(item);
        if (this.#ports.now() - due <= TOO_LATE_MS) return this.#start(granted);
        this.#giveBack([pending]);
        lane.pending.unshift(pending);
        this.#pump(lane, pending.band);
      }, delayMs),
    };
    this.#scheduled.add(item);
  }
}

/** What waits in one band, oldest first, and the sleep of its pump. */
class Lane {
  pending: Pending[] = [];
  pumping = false;
  #wake: (() => void) | null = null;

  /** False when it was turned away meanwhile. */
  take(pending: Pending): boolean {
    const at = this.pending.indexOf(pending);
    if (at >= 0) this.pending.splice(at, 1);
    return at >= 0;
  }

  /** These may go elsewhere: what they need of a day or month is used up. */
  handBack(pending: readonly Pending[]): void {
    for (const each of pending) if (this.take(each)) each.settle('used_up');
  }

  /** Turns away what is past its deadline; how many still wait. */
  inTime(now: number): number {
    if (this.pending.every(({ until }) => until > now)) return this.pending.length;
    const late = this.pending.filter(({ until }) => until <= now);
    this.pending = this.pending.filter(({ until }) => until > now);
    for (const pending of late) pending.settle('turned_away');
    return this.pending.length;
  }

  takeAll(): Pending[] {
    const all = this.pending;
    this.pending = [];
    this.wake();
    return all;
  }

  wake(): void {
    this.#wake?.();
  }

  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, ms);
      this.#wake = done;
    });
  }
}
