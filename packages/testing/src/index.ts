export { freePort, startRedis } from './with-redis.ts';
export type { TestRedis } from './with-redis.ts';
export { seededRandom } from './seeded-random.ts';
export { until } from './until.ts';
