export { QUEUES, poolQueue, runQueue, fallbackQueue } from './names.ts';
export { openQueue } from './queue.ts';
export { openWorker } from './worker.ts';
export type { EntryData, StepData } from './entry.ts';
export { entryJobId, stepPriority } from './entry.ts';
export { deliveryEntry, redeliveryEntry } from './delivery-entry.ts';
export type { DeliveryData, DeliveryEntry, DeliveryReturn, ToEndpoint } from './delivery-entry.ts';
