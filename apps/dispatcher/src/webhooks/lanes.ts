/**
 * Keeps one slow receiver from taking all delivery slots: an origin has a lane of some slots, and more only while it
 * answers fast. Who finds the lane full is told when to come back, in the order of asking and at the pace at which
 * the lane moves, so that a queue of thousands for a hanging receiver does not spin. Time is passed in.
 */

interface Lane {
  inFlight: number;
  /** Moving average of how long a delivery takes, ms; null before the first. */
  tookMs: number | null;
  /** Up to when places in the lane are promised, ms. */
  promisedTo: number;
}

export interface LaneSettings {
  /** Slots of an origin that is slow, or not known yet. */
  width: number;
  /** An origin that takes less is fast, and not limited. */
  fastMs: number;
}

/** Assumed of an origin that has not answered yet, ms. */
const UNKNOWN_MS = 1_000;
/** Weight of the newest delivery in the average. */
const NEWEST = 0.3;
/** Idle lanes are forgotten above this many. */
const REMEMBERED = 1_000;

export class Lanes {
  readonly #settings: LaneSettings;
  readonly #lanes = new Map<string, Lane>();

  constructor(settings: LaneSettings) {
    this.#settings = settings;
  }

  /** Takes a slot and returns null (then {@link leave} must follow), or the moment to ask again, ms. */
  enter(origin: string, now: number): number | null {
    const lane = this.#laneOf(origin);
    const { width, fastMs } = this.#settings;
    const fast = lane.tookMs !== null && lane.tookMs < fastMs;
    if (fast || lane.inFlight < width) {
      lane.inFlight += 1;
      return null;
    }
    const tookMs = lane.tookMs ?? UNKNOWN_MS;
    lane.promisedTo = Math.max(lane.promisedTo, now) + tookMs / width;
    return Math.ceil(lane.promisedTo);
  }

  leave(origin: string, tookMs: number): void {
    const lane = this.#laneOf(origin);
    lane.inFlight -= 1;
    lane.tookMs = lane.tookMs === null ? tookMs : lane.tookMs + NEWEST * (tookMs - lane.tookMs);
    if (lane.inFlight === 0 && this.#lanes.size > REMEMBERED) this.#lanes.delete(origin);
  }

  #laneOf(origin: string): Lane {
    const known = this.#lanes.get(origin);
    if (known) return known;
    const lane: Lane = { inFlight: 0, tookMs: null, promisedTo: 0 };
    this.#lanes.set(origin, lane);
    return lane;
  }
}
