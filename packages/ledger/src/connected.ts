/** Whether a connection can send what is asked of it now, or can within a while. */
import type { Redis } from 'ioredis';

export async function connected(redis: Redis, withinMs: number): Promise<boolean> {
  if (redis.status === 'ready') return true;
  if (withinMs <= 0) return false;
  return new Promise((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      redis.off('ready', end);
      resolve(redis.status === 'ready');
    };
    const timer = setTimeout(end, withinMs);
    redis.once('ready', end);
  });
}
