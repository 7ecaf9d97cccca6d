export { startDispatcher } from './dispatcher.ts';
export type { Dispatcher, DispatcherOptions } from './dispatcher.ts';
