/** Every log line of the API: constant message, varying fields; never a body, a prompt or a key. */
import type { Logger } from 'pino';

export const apiEvents = (log: Logger) => ({
  started: (fields: { host: string; port: number; config: string }) =>
    log.info(fields, 'api listening'),
  configWarning: (fields: { warning: string }) => log.warn(fields, 'config may not mean this'),
  clockOff: (fields: { ahead_ms: number }) =>
    log.warn(fields, "clock compared with Redis's, which is gone by"),
  orphans: (fields: { batches: number; first: string }) =>
    log.warn(fields, 'open batches belong to no tenant of the config; the admin key reaches them'),
  stopping: (fields: { connections: number }) => log.info(fields, 'api stopping'),
  stopped: () => log.info('api stopped'),
  configTaken: (fields: { deployments: object; pools: object; needs_restart: string[] }) =>
    log.info(fields, 'config taken'),
  configInvalid: (fields: { report: string }) =>
    log.error(fields, 'config has mistakes; goes on with the one before'),
  answered: (fields: {
    request: string;
    method: string;
    route: string;
    status: number;
    ms: number;
  }) => log.debug(fields, 'request answered'),
  routed: (fields: { job: string; pool: string; route: string | number; why: string }) =>
    log.debug(fields, 'job routed'),
  failed: (fields: { request: string; method: string; route: string; error: unknown }) =>
    log.error(fields, 'request failed'),
  storeAway: (fields: {
    request: string;
    method: string;
    route: string;
    error: string;
    requests: number;
  }) => log.warn(fields, 'requests refused: Redis or the file store is away or full'),
  answerCut: (fields: { request: string; route: string; error: unknown }) =>
    log.warn(fields, 'answer cut off'),
  /** `again_ms` null: the sweeper will. */
  queueingFailed: (fields: { id: string; queue: string; again_ms: number | null; error: string }) =>
    log.warn(fields, 'accepted but not queued yet'),
  queueingLeft: (fields: { entries: number }) =>
    log.warn(fields, 'accepted but not queued; the sweeper will'),
  bytesLeft: (fields: { name: string; error: string }) =>
    log.warn(fields, 'bytes of a deleted file remain in the store'),
  housekept: (fields: { files: number; uploads: number; batches: number; rows: number }) =>
    log.info(fields, 'lapsed files, uploads and batches removed'),
  /** `id`: of what could not be looked at; the others were. */
  housekeepingFailed: (fields: { id?: string; error: string }) =>
    log.warn(fields, 'housekeeping failed'),
});

export type ApiEvents = ReturnType<typeof apiEvents>;
