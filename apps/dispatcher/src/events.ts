/** Every log line of the dispatcher: constant message, varying fields; never a body, a prompt or a key. */
import { Seldom } from '@sluice/role';
import type { Logger } from 'pino';

/** `seldom`: which of the faults that repeat are told. */
export const dispatcherEvents = (log: Logger, seldom = new Seldom()) => ({
  started: (fields: { pools: string[]; deployments: string[] }) =>
    log.info(fields, 'dispatcher started'),
  stopping: () => log.info('dispatcher stopping'),
  stopped: () => log.info('dispatcher stopped'),
  configTaken: (fields: { deployments: object; pools: object }) => log.info(fields, 'config taken'),
  configInvalid: (fields: { report: string }) =>
    log.error(fields, 'config has mistakes; goes on with the one before'),
  clockOff: (fields: { ahead_ms: number }) =>
    log.warn(fields, "clock compared with Redis's, which is gone by"),
  leading: (fields: { token: number }) => log.info(fields, 'leading'),
  leadLost: (fields: { token: number }) => log.warn(fields, 'lead lost'),
  leadGivenUp: (fields: { token: number }) => log.info(fields, 'lead given up'),
  recording: (fields: { slots: number }) => log.debug(fields, 'recording slots'),
  batchStarted: (fields: {
    batch: string;
    lines: number;
    classes: number;
    ideal_ms: number | null;
  }) => log.info(fields, 'batch started'),
  batchLate: (fields: { batch: string; late_by_ms: number }) =>
    log.warn(fields, 'batch cannot be done by its deadline'),
  batchRefused: (fields: { batch: string; errors: number; first: string }) =>
    log.info(fields, 'batch refused'),
  batchEnded: (fields: { batch: string; status: string; lines: number; failed: number }) =>
    log.info(fields, 'batch ended'),
  batchPaused: (fields: { batch: string; reason: string }) => log.warn(fields, 'batch paused'),
  jobFailed: (fields: { job: string; code: string; attempts: number }) =>
    log.warn(fields, 'job failed'),
  jobDead: (fields: { ref: string; code: string; attempts: number }) =>
    log.warn(fields, 'job out of attempts'),
  deploymentChanged: (fields: {
    deployment: string;
    from: string;
    to: string;
    reason: string | null;
  }) => log.warn(fields, 'deployment changed state'),
  takenBack: (fields: { deployment: string; entries: number }) =>
    log.info(fields, 'waiting work taken back'),
  repaired: (fields: { id: string; how: string }) => log.info(fields, 'repaired by the sweeper'),
  webhook: (fields: { event: string; type: string; attempt: number; result: string }) =>
    log.info(fields, 'webhook attempted'),
  endpointDisabled: (fields: { endpoint: string; tenant: string; reason: string }) =>
    log.warn(fields, 'webhook endpoint disabled'),
  dataLost: () =>
    log.error(
      'Redis has lost its data (emptied, restored, or restarted without its append-only file): what was accepted before is gone',
    ),
  redisFull: () =>
    log.error(
      'Redis is full (maxmemory): nothing is accepted, placed or called until it has room; what is answered is recorded. Raise maxmemory, or wait until records lapse',
    ),
  redisHasRoom: () => log.info('Redis has room again'),
  /** One that fails again and again is told once a minute. */
  failed: (fields: { what: string; error: string }) =>
    seldom.tell(`${fields.what} ${fields.error}`, (more) =>
      log.error({ ...fields, ...more }, 'step failed, will be tried again'),
    ),
});

export type DispatcherEvents = ReturnType<typeof dispatcherEvents>;
