/**
 * The clock that all processes of one Redis go by: their own, put right by Redis's. Leases, deadlines and the times of attempts are
 * written by one process and judged by another, so a machine whose clock is off would have its calls made again by the others.
 */
import type { Redis } from 'ioredis';

/** A moment by the machine's clock and by one that nobody sets, ms; `ahead`: by how much the former is, of Redis's. */
interface Reading {
  wall: number;
  steady: number;
  ahead: number;
}

/** Clocks that differ by less are left alone: what a question to Redis takes is no news about them. */
const TOLERATED_MS = 500;
const READ_EVERY_MS = 1_000;
/** A start waits no longer for a Redis that is away. */
const FIRST_WITHIN_MS = 2_000;

/** By how many whole ms the machine's clock is ahead of Redis's; 0 where it is near enough. */
function aheadBy(redis: number, wall: number): number {
  return Math.abs(wall - redis) > TOLERATED_MS ? Math.round(wall - redis) : 0;
}

/**
 * The time by Redis, by both clocks of the machine. Where its clock was set since the last reading, or it slept, the two differ until the
 * next one, and it is not known which happened: the steady one takes no jump for time that passed, the wall one no sleep for none.
 */
const byWall = ({ ahead }: Reading, wall: number): number => wall - ahead;

function bySteady(reading: Reading, wall: number, steady: number): number {
  const time = Math.round(reading.wall - reading.ahead + (steady - reading.steady));
  const other = byWall(reading, wall);
  return Math.abs(time - other) > TOLERATED_MS ? time : other;
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
  #reading: Reading | null = null;
  #timer: NodeJS.Timeout | null = null;
  #told = 0;

  constructor(options: RedisClockOptions) {
    this.#options = { wall: Date.now, steady: () => performance.now(), ...options };
  }

  /** For who judges what others wrote: nothing is over because a clock was set. After a sleep it is behind until Redis was asked. */
  readonly now = (): number => {
    const { wall, steady } = this.#options;
    return this.#reading === null ? wall() : bySteady(this.#reading, wall(), steady());
  };

  /** For who holds something: it never seems younger than it is, nor ends sooner than meant. */
  readonly latest = (): number => {
    const reading = this.#reading;
    const wall = this.#options.wall();
    if (reading === null) return wall;
    return Math.max(byWall(reading, wall), bySteady(reading, wall, this.#options.steady()));
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
    const at = wall();
    const ahead = aheadBy(redisMs, at);
    this.#reading = { wall: at, steady: steady(), ahead };
    this.#tell(ahead);
  }

  #tell(aheadMs: number): void {
    const isNews = Math.abs(aheadMs - this.#told) > TOLERATED_MS;
    if (!isNews) return;
    this.#told = aheadMs;
    this.#options.events.clockOff({ ahead_ms: aheadMs });
  }
}
