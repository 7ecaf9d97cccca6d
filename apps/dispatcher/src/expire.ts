/** Ends a job that is past its deadline, unless it is being called: a call in flight may end, and its answer counts. */
import { randomBytes } from 'node:crypto';
import { makeId } from '@sluice/job';
import { endJob } from '@sluice/ledger';
import type { Ledger, Waiting } from '@sluice/ledger';

export interface ExpirePorts {
  ledger: Ledger;
  /** How long an ended job can be read, s. */
  keepSeconds: number;
  now: () => number;
}

export const isLate = ({ deadlineAt }: Waiting, now: number): boolean =>
  deadlineAt !== null && deadlineAt <= now;

/** `busy`: it moved on, is being called, or its answer waits to be recorded. */
export function expireJob(
  { ledger, keepSeconds, now }: ExpirePorts,
  waiting: Waiting,
): Promise<'ended' | 'had_ended' | 'missing' | 'busy'> {
  return endJob(ledger, waiting.id, {
    status: 'expired',
    now: now(),
    message: 'the job could not be run before its deadline (deadline_ms)',
    eventId: makeId('evt', randomBytes(16)),
    keepSeconds,
    onlyEpoch: waiting.epoch,
  });
}
