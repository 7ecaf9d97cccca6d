/** How long a dispatcher sleeps that can place nothing, so that days pass in seconds. In life it goes on looking. */
import type { Calls } from './calls.ts';
import type { HealthBook } from './health-book.ts';

/** When nothing can be placed and nothing is under way, the next look may wait so long. */
const IDLE_LOOK_MS = 1_000;
/** While a day's limit is used up on one deployment another may recover from its failures. */
const LONGEST_IDLE_MS = 60_000;

export interface IdlePorts {
  calls: Pick<Calls, 'usedUp'>;
  health: Pick<HealthBook, 'usedUpUntil' | 'recovering'>;
}

/** What may happen next, ms of the simulation; Infinity = nothing. */
export interface Ahead {
  /** Something may find room where calls are taken, or at its tenant's own limits. */
  roomAt: number;
  /** The next deadline, and the next arrival. */
  dueAt: number;
  arrivesAt: number;
}

export class IdleTime {
  readonly #ports: IdlePorts;
  /** Where nothing could be placed although there seemed to be room, the next look is twice as far off as the last, ms. */
  #leastMs = 1;

  constructor(ports: IdlePorts) {
    this.#ports = ports;
  }

  /** Something was placed, or is under way. */
  ends(): void {
    this.#leastMs = 1;
  }

  /** The next moment at which something may be placed. Days pass where a day's limit is used up. */
  until(now: number, { roomAt, dueAt, arrivesAt }: Ahead): number {
    const { calls, health } = this.#ports;
    const soon = Math.max(roomAt, now + this.#leastMs);
    this.#leastMs = Math.min(LONGEST_IDLE_MS, this.#leastMs * 2);
    const atGates = calls.usedUp().until;
    const renewal = Math.min(health.usedUpUntil(now) ?? Infinity, atGates);
    const usual = now + IDLE_LOOK_MS;
    if (renewal === Infinity || health.recovering(now)) return Math.min(soon, usual);
    const next = Math.min(renewal, dueAt, arrivesAt);
    const latest = Math.min(now + LONGEST_IDLE_MS, Math.max(usual, next));
    return Math.min(soon, latest);
  }
}
