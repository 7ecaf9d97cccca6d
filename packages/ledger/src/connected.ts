/** Whether a connection can send what is asked of it now, or can within a while. */
import type { Redis } from 'ioredis';

/** Who waits for a connection. It has one listener for them all: there may be thousands. */
const waiting = new WeakMap<Redis, Set<() => void>>();

export async function connected(redis: Redis, withinMs: number): Promise<boolean> {
  if (redis.status === 'ready') return true;
  if (withinMs <= 0) return false;
  const others = waitersOf(redis);
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      others.delete(end);
      resolve(redis.status === 'ready');
    };
    const timer = setTimeout(end, withinMs);
    others.add(end);
  });
}

function waitersOf(redis: Redis): Set<() => void> {
  const known = waiting.get(redis);
  if (known) return known;
  const waiters = new Set<() => void>();
  waiting.set(redis, waiters);
  redis.once('ready', () => {
    waiting.delete(redis);
    for (const end of waiters) end();
  });
  return waiters;
}
