/** Names of the BullMQ queues (design: one table). A model named `deployment/<id>` uses the queues named `direct`. */
export const QUEUES = { batches: 'batches', dead: 'dead', webhooks: 'webhooks' } as const;

const label = (pool: string): string => (pool.startsWith('deployment/') ? 'direct' : pool);

/** Single jobs of a pool, from the API to the dispatcher. */
export const poolQueue = (pool: string): string => `jobs-${label(pool)}`;
/** Failed jobs of a pool, to place again. */
export const fallbackQueue = (pool: string): string => `fallback-${label(pool)}`;
/** Placed work of a deployment. */
export const runQueue = (deployment: string): string => `run-${deployment}`;
