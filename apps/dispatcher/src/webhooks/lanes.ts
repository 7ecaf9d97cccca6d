/**
 * Keeps slow receivers, one or many, from taking all delivery slots. Each origin has a lane. A lane may hold a part of
 * the slots that are free at the moment (dynamic thresholds, as switches share a buffer among their ports: Choudhury
 * and Hahne, 1998), by what is known of it: a fast one as much as is free, a slow one a quarter and never more than
 * {@link LaneSettings.width}. So a lane that hangs is bounded, thirty that hang leave slots for those that answer, and
 * one that is alone gets half of all. Who finds its lane full is told when to come back, in the order of asking and at
 * the pace at which the lane moves, so that a queue of thousands for a hanging receiver does not spin. Time is passed in.
 */

interface Lane {
  /** When each delivery under way began, ms; the oldest first. */
  since: number[];
  /** Moving average of how long a delivery takes, ms; null before the first. */
  tookMs: number | null;
  /** Up to when places in the lane are promised, ms. */
  promisedTo: number;
}

export interface LaneSettings {
  /** Deliveries at once, to all origins. */
  slots: number;
  /** Slots of an origin that is slow, or not known yet. */
  width: number;
  /** An origin that takes less is fast. */
  fastMs: number;
}

/** Part of the free slots that a lane may hold. */
const SHARE = { fast: 1, unknown: 0.5, slow: 0.25 } as const;
/** Assumed of an origin that has not answered yet, ms. */
const UNKNOWN_MS = 1_000;
/** Weight of the newest delivery in the average. */
const NEWEST = 0.3;
/** Idle lanes are forgotten above this many. */
const REMEMBERED = 1_000;

export class Lanes {
  readonly #settings: LaneSettings;
  readonly #lanes = new Map<string, Lane>();
  #inFlight = 0;

  constructor(settings: LaneSettings) {
    this.#settings = settings;
  }

  /** Takes a slot and returns null (then {@link leave} must follow), or the moment to ask again, ms. */
  enter(origin: string, now: number): number | null {
    const lane = this.#laneOf(origin);
    if (lane.since.length < this.#most(lane, now)) {
      lane.since.push(now);
      this.#inFlight += 1;
      return null;
    }
    const tookMs = lane.tookMs ?? UNKNOWN_MS;
    lane.promisedTo = Math.max(lane.promisedTo, now) + tookMs / this.#settings.width;
    return Math.ceil(lane.promisedTo);
  }

  /** Gives back the slot taken at `since`. */
  leave(origin: string, since: number, now: number): void {
    const lane = this.#laneOf(origin);
    const tookMs = now - since;
    lane.since.splice(lane.since.indexOf(since), 1);
    this.#inFlight -= 1;
    lane.tookMs = lane.tookMs === null ? tookMs : lane.tookMs + NEWEST * (tookMs - lane.tookMs);
    if (lane.since.length === 0 && this.#lanes.size > REMEMBERED) this.#lanes.delete(origin);
  }

  /** Deliveries that the lane may have under way now. */
  #most(lane: Lane, now: number): number {
    const { slots, width } = this.#settings;
    const free = slots - this.#inFlight;
    const kind = this.#kindOf(lane, now);
    const most = Math.floor(free * SHARE[kind]);
    return kind === 'fast' ? most : Math.min(width, most);
  }

  /** One that hangs is slow from the moment that a delivery under way takes too long, not first at its end. */
  #kindOf({ since: [oldest], tookMs }: Lane, now: number): keyof typeof SHARE {
    const { fastMs } = this.#settings;
    if (oldest !== undefined && now - oldest >= fastMs) return 'slow';
    if (tookMs === null) return 'unknown';
    return tookMs < fastMs ? 'fast' : 'slow';
  }

  #laneOf(origin: string): Lane {
    const known = this.#lanes.get(origin);
    if (known) return known;
    const lane: Lane = { since: [], tookMs: null, promisedTo: 0 };
    this.#lanes.set(origin, lane);
    return lane;
  }
}
