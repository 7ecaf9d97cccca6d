export { startWorker } from './worker.ts';
export type { CallingWorker, WorkerOptions } from './worker.ts';
