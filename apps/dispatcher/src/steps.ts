/**
 * Short steps in a batch's life, from the `batches` queue: validate, wind down, finalise. Each can be repeated from the
 * beginning at any time: what it does depends on the batch's status alone.
 */
import { FileMissing } from '@sluice/files';
import {
  abortCalls,
  dropChunk,
  moveBatch,
  openChunks,
  outcomesLeft,
  readBatch,
} from '@sluice/ledger';
import type { StoredBatch } from '@sluice/ledger';
import type { StepData } from '@sluice/queues';
import { beginBatch } from './begin-batch.ts';
import { dryRun } from './dry-run.ts';
import { finalise } from './end-batch.ts';
import { failedStep, stepWorked } from './failed-step.ts';
import { untilThere } from './missing-file.ts';
import { RunAgain } from './run-again.ts';
import { DONE, LOOK_AGAIN_MS } from './step-ports.ts';
import type { StepEnd, StepPorts } from './step-ports.ts';

const CHECK_MS = 60_000;
const UNDER_WAY: StepEnd = { kind: 'again', afterMs: 1_000 };
const AGAIN: StepEnd = { kind: 'again', afterMs: LOOK_AGAIN_MS };

export const nameOfStep = ({ batch, step }: StepData): string => `${step} ${batch}`;

/**
 * `again` without a wait when the term ended meanwhile: for whoever leads next. One that is under way already, as when its entry
 * was delivered again, is looked at when that has ended: usually nothing of it is left to do then. One that fails is run again, too.
 */
export async function runStep(ports: StepPorts, data: StepData): Promise<StepEnd> {
  const name = nameOfStep(data);
  if (ports.underWay.has(name)) return UNDER_WAY;
  ports.underWay.add(name);
  try {
    const end = await runOnce(ports, data);
    await stepWorked(ports, data.batch);
    return end;
  } catch (error) {
    if (ports.signal.aborted) return { kind: 'again', afterMs: 0 };
    if (error instanceof RunAgain) return error.end;
    if (error instanceof FileMissing) return await untilThere(ports, data.batch, error);
    return await failedStep(ports, data, error);
  } finally {
    ports.underWay.delete(name);
  }
}

async function runOnce(ports: StepPorts, { batch: id, step }: StepData): Promise<StepEnd> {
  if (step === 'dry_run') return dryRun(ports, id);
  const batch = await readBatch(ports.ledger, id);
  if (!batch) return DONE;
  if (step === 'finalise') return finalise(ports, batch);
  if (step === 'wind_down') return windDown(ports, batch);
  if (batch.status === 'validating') await beginBatch(ports, batch);
  // Begun, and whoever did so may not have told.
  else if (batch.status === 'in_progress') ports.onStart(batch);
  return DONE;
}

/**
 * Cancelled or past its window: what has not been called is dropped. Calls in flight are aborted when it was cancelled, and
 * may end when its window is over; answers that are there by then count.
 */
async function windDown(ports: StepPorts, batch: StoredBatch): Promise<StepEnd> {
  const { ledger, now } = ports;
  if (batch.status === 'in_progress' && now() >= batch.expiresAt) {
    await moveBatch(ledger, batch.id, {
      from: ['in_progress'],
      to: 'expiring',
      checkAt: now() + CHECK_MS,
    });
  } else if (batch.status !== 'cancelling' && batch.status !== 'expiring') return DONE;
  ports.onEnd(batch.id);
  // Cancelled before its lines were counted.
  if (batch.total === 0) await beginBatch(ports, batch);
  if (!(await isSettled(ports, batch))) return AGAIN;
  const stored = await readBatch(ledger, batch.id);
  return stored ? finalise(ports, stored) : DONE;
}

/** No line of it is being called, and every answer is recorded. */
async function isSettled(
  { ledger, now }: StepPorts,
  { id, status }: StoredBatch,
): Promise<boolean> {
  const chunks = await openChunks(ledger, id);
  const answers = await Promise.all(
    chunks.map((chunk) => dropChunk(ledger, { id: chunk, batch: id }, now())),
  );
  const called = chunks.filter((_, i) => answers[i] === 'called');
  // Said again each time this is looked at: a worker may not have heard it.
  if (status === 'cancelling') await abortCalls(ledger, called);
  return called.length === 0 && !(await outcomesLeft(ledger, id));
}
