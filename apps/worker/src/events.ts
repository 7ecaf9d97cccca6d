/** Every log line of the worker: constant message, varying fields; never a body, a prompt or a key. */
import { Seldom } from '@sluice/role';
import type { Logger } from 'pino';
import type { RefusedKey } from './refused-key.ts';

/** `seldom`: which of the faults that repeat are told. */
export const workerEvents = (log: Logger, seldom = new Seldom()) => ({
  started: (fields: { deployments: string[] }) => log.info(fields, 'worker started'),
  stopping: (fields: { calling: number }) => log.info(fields, 'worker stopping'),
  stopped: () => log.info('worker stopped'),
  configTaken: (fields: { added: string[]; removed: string[]; changed: string[] }) =>
    log.info(fields, 'deployments changed'),
  configInvalid: (fields: { report: string }) =>
    log.error(fields, 'config has mistakes; goes on with the one before'),
  callFailed: (fields: {
    deployment: string;
    ref: string;
    outcome: string;
    status: number | null;
    ms: number;
  }) => log.warn(fields, 'call failed'),
  oddUsage: (fields: { deployment: string; ref: string }) =>
    log.warn(fields, 'an answer says it used what cannot be true; such usage counts as unknown'),
  keyRefused: (
    fields: RefusedKey & {
      deployment: string;
      ref: string;
      outcome: string;
      status: number | null;
      ms: number;
    },
  ) => log.warn(fields, 'credential refused'),
  /** One that fails again and again is told once a minute. */
  writeRetried: (fields: { what: string; items: number; error: string }) =>
    seldom.tell(`${fields.what} ${fields.error}`, (more) =>
      log.warn({ ...fields, ...more }, 'write failed, trying again'),
    ),
  clockOff: (fields: { ahead_ms: number }) =>
    log.warn(fields, "clock compared with Redis's, which is gone by"),
  leaseLost: (fields: { entries: string[] }) => log.warn(fields, 'lease lost while calling'),
  entryDropped: (fields: { deployment: string; id: string; epoch: number }) =>
    log.debug(fields, 'entry had moved on'),
  handedBack: (fields: { deployment: string; id: string; jobs: number }) =>
    log.debug(fields, 'entry handed back'),
  stateChanged: (fields: { deployment: string; state: string }) =>
    log.info(fields, 'deployment changed state'),
  inputGone: (fields: { id: string; lines?: number; why?: string }) =>
    log.error(fields, 'input of an entry is gone'),
  filesAway: (fields: { id: string; again_in_ms: number; error: string }) =>
    log.warn(fields, 'input of an entry cannot be read now; it is handed back for a while'),
});

export type WorkerEvents = ReturnType<typeof workerEvents>;
