export { QUEUES, poolQueue, runQueue, fallbackQueue } from './names.ts';
export { openQueue } from './queue.ts';
export { openWorker } from './worker.ts';
export type { EntryData, StepData } from './entry.ts';
export { entryJobId } from './entry.ts';
