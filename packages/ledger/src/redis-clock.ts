/**
 * The clock that all processes of one Redis go by: their own, put right by Redis's. Leases, deadlines and the times of attempts are
 * written by one process and judged by another, so a machine whose clock is off would have its calls made again by the others.
 */
import type { Redis } from 'ioredis';

/** A moment by three clocks, ms: Redis's, the machine's, and one that nobody sets. */
export interface ClockReading {
  redis: number;
  wall: number;
  steady: number;
}

/** Clocks that differ by less are left alone: what a question to Redis takes is no news about them. */
const TOLERATED_MS = 500;
const READ_EVERY_MS = 1_000;
/** A start waits no longer for a Redis that is away. */
const FIRST_WITHIN_MS = 2_000;

/** By how many whole ms the machine's clock is ahead of Redis's; 0 where it is near enough. */
function aheadBy({ redis, wall }: ClockReading): number {
  return Math.abs(wall - redis) > TOLERATED_MS ? Math.round(wall - redis) : 0;
}

/**
 * The time by Redis. Where the machine's clock was set since the last reading, or the machine slept, the two differ until the next
 * one, and it is not known which happened: `bySteady` takes no jump for time that passed, `byWall` no sleep for none.
 */
function timesBy(
  reading: ClockReading | null,
  { wall, steady }: Omit<ClockReading, 'redis'>,
): { byWall: number; bySteady: number } {
  if (reading === null) return { byWall: wall, bySteady: wall };
  const ahead = aheadBy(reading);
  const byWall = wall - ahead;
  const bySteady = Math.round(reading.wall - ahead + (steady - reading.steady));
  return Math.abs(bySteady - byWall) > TOLERATED_MS
    ? { byWall, bySteady }
    : { byWall, bySteady: byWall };
}

export interface RedisClockOptions {
  redis: Pick<Redis, 'time'>;
  events: {
    /** Its clock is off by so much now (above 0 = ahead), which it was not before; 0: it is right again. */
    clockOff: (fields: { ahead_ms: number }) => void;
  };
  wall?: () => number;
  steady?: () => number;
}

export class RedisClock {
  readonly #options: Required<RedisClockOptions>;
  #reading: ClockReading | null = null;
  #timer: NodeJS.Timeout | null = null;
  #told = 0;

  constructor(options: RedisClockOptions) {
    this.#options = { wall: Date.now, steady: () => performance.now(), ...options };
  }

  /** For who judges what others wrote: nothing is over because a clock was set. After a sleep it is behind until Redis was asked. */
  readonly now = (): number => this.#times().bySteady;

  /** For who holds something: it never seems younger than it is, nor ends sooner than meant. */
  readonly latest = (): number => {
    const { byWall, bySteady } = this.#times();
    return Math.max(byWall, bySteady);
  };

  /** Right from now on, or, where Redis is away, from when it answers. */
  async start(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, FIRST_WITHIN_MS)));
    await Promise.race([this.read(), late]);
    clearTimeout(timer);
    let reading = false;
    this.#timer = setInterval(() => {
      if (reading) return;
      reading = true;
      void this.read().finally(() => (reading = false));
    }, READ_EVERY_MS);
    this.#timer.unref();
  }

  stop(): void {
    if (this.#timer) clearInterval(this.#timer);
  }

  /** Asks Redis. What it took long to answer, or not at all, says nothing. */
  async read(): Promise<void> {
    const { redis, wall, steady } = this.#options;
    const asked = steady();
    const answer = await redis.time().catch(() => null);
    const took = steady() - asked;
    if (answer === null || took > TOLERATED_MS) return;
    const [seconds, micros] = answer.map(Number) as [number, number];
    const redisMs = seconds * 1_000 + micros / 1_000 + took / 2;
    this.#reading = { redis: redisMs, wall: wall(), steady: steady() };
    this.#tell(aheadBy(this.#reading));
  }

  #times(): { byWall: number; bySteady: number } {
    const { wall, steady } = this.#options;
    return timesBy(this.#reading, { wall: wall(), steady: steady() });
  }

  #tell(aheadMs: number): void {
    const isNews = Math.abs(aheadMs - this.#told) > TOLERATED_MS;
    if (!isNews) return;
    this.#told = aheadMs;
    this.#options.events.clockOff({ ahead_ms: aheadMs });
  }
}
