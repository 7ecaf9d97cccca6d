export { startApi } from './start-api.ts';
export type { Running, Setup } from './start-api.ts';
export { errorsPage } from './errors-page.ts';
