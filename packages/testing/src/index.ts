export { freePort, startRedis } from './with-redis.ts';
export type { TestRedis } from './with-redis.ts';
export { seededRandom } from './seeded-random.ts';
export { until } from './until.ts';
export { startSink } from './http-sink.ts';
export type { HttpSink, SinkAnswer, SinkRequest } from './http-sink.ts';
export { System } from './system.ts';
export type { RoleName, SystemOptions } from './system.ts';
