/**
 * Short steps in a batch's life, from the `batches` queue: validate, wind down, finalise. Each can be repeated from the
 * beginning at any time: what it does depends on the batch's status alone.
 */
import { createHash, randomBytes } from 'node:crypto';
import { FileMissing } from '@sluice/files';
import type { FileStore } from '@sluice/files';
import type { Endpoint, Fleet, Pool } from '@sluice/job';
import { makeId, makeSiblingId } from '@sluice/job';
import { lookupModel } from '@sluice/config';
import {
  createFile,
  dropChunk,
  finishBatch,
  moveBatch,
  openChunks,
  readBatch,
  readExtents,
  readFile,
} from '@sluice/ledger';
import type { BatchEnd, BatchError, Ledger, StoredBatch } from '@sluice/ledger';
import { formatsOf } from '@sluice/providers';
import type { StepData } from '@sluice/queues';
import type { BatchRules } from './batch/check-line.ts';
import { finaliseBatch } from './batch/finalise.ts';
import { validateBatch } from './batch/validate.ts';
import type { DispatcherEvents } from './events.ts';

export interface StepPorts {
  ledger: Ledger;
  store: FileStore;
  fleet: Fleet;
  maxLines: number;
  maxLineBytes: number;
  /** Pools that a tenant may name; null = all. */
  poolsOf: (tenant: string) => readonly string[] | null;
  /** How long output files live unless the batch says otherwise, ms. */
  filesMs: number;
  /** How long an ended batch's bitmap is kept, s. */
  keepSeconds: number;
  events: DispatcherEvents;
  now: () => number;
  estimate: (
    batch: StoredBatch,
  ) => Promise<{ idealMs: number | null; costEstimateUsd: number | null }>;
  onStart: (batch: StoredBatch) => void;
  onEnd: (id: string) => void;
}

/** `again`: not finished yet (calls in flight): run the step again after so many ms. */
export type StepEnd = { kind: 'done' } | { kind: 'again'; afterMs: number };

const DONE: StepEnd = { kind: 'done' };
const LOOK_AGAIN_MS = 250;
const CHECK_MS = 60_000;

export async function runStep(ports: StepPorts, { batch: id, step }: StepData): Promise<StepEnd> {
  const batch = await readBatch(ports.ledger, id);
  if (!batch) return DONE;
  if (step === 'validate') return batch.status === 'validating' ? validate(ports, batch) : DONE;
  if (step === 'finalise') return finalise(ports, batch);
  return windDown(ports, batch);
}

async function validate(ports: StepPorts, batch: StoredBatch): Promise<StepEnd> {
  const input = await readFile(ports.ledger, batch.inputFileId);
  if (!input) return refuse(ports, batch, [inputGone(batch)]);
  try {
    const result = await validateBatch({
      store: ports.store,
      inputName: input.storeName,
      inputId: batch.inputFileId,
      endpoint: batch.endpoint,
      batchId: batch.id,
      rules: rulesFor(ports, batch.tenant),
    });
    if (result.kind === 'invalid') return await refuse(ports, batch, result.errors);
    return await begin(ports, batch, { ...result, storeName: input.storeName });
  } catch (error) {
    if (error instanceof FileMissing) return refuse(ports, batch, [inputGone(batch)]);
    throw error;
  }
}

const inputGone = (batch: StoredBatch): BatchError => ({
  code: 'invalid_request',
  message: `Cannot find file ${batch.inputFileId}: it was deleted or has expired.`,
  param: 'input_file_id',
  line: null,
});

function rulesFor(
  { fleet, maxLines, maxLineBytes, poolsOf }: StepPorts,
  tenant: string,
): BatchRules {
  const allowed = poolsOf(tenant);
  const sayable = (pool: string, endpoint: Endpoint, body: Record<string, unknown>) => {
    const members = fleet.pools.get(pool)?.tiers.flat() ?? [pool.slice('deployment/'.length)];
    return formatsOf(
      members.flatMap((id) => fleet.deployments.get(id) ?? []),
      endpoint,
      body,
    );
  };
  return {
    maxLines,
    maxLineBytes,
    resolve: (model) => {
      const found = lookupModel(fleet, model);
      if (found.kind === 'unknown') return { ...found, known: allowed ?? found.known };
      const named = found.kind === 'deployment' ? [found.deployment.id] : found;
      if (allowed !== null && !mayUse(fleet, allowed, named)) {
        return { kind: 'unknown', known: allowed };
      }
      return { kind: 'pool', pool: found.kind === 'deployment' ? model : found.pool.id };
    },
    formatsFor: (pool, endpoint, body) => sayable(pool, endpoint, body).mask,
    cannotSay: (pool, endpoint, body) => sayable(pool, endpoint, body).unsayable,
  };
}

/** A deployment may be named by whoever may name a pool that it serves. */
function mayUse(
  fleet: Fleet,
  allowed: readonly string[],
  named: string[] | { pool: Pool },
): boolean {
  if (!Array.isArray(named)) return allowed.includes(named.pool.id);
  const served = allowed.flatMap((id) => fleet.pools.get(id)?.tiers.flat() ?? []);
  return named.every((id) => served.includes(id));
}

async function refuse(
  ports: StepPorts,
  batch: StoredBatch,
  errors: BatchError[],
): Promise<StepEnd> {
  ports.events.batchRefused({
    batch: batch.id,
    errors: errors.length,
    first: errors[0]?.code ?? '',
  });
  await end(ports, batch, {
    to: 'failed',
    from: ['validating'],
    set: { errors: JSON.stringify(errors) },
  });
  return DONE;
}

type Valid = Extract<Awaited<ReturnType<typeof validateBatch>>, { kind: 'valid' }>;

async function begin(
  ports: StepPorts,
  batch: StoredBatch,
  valid: Valid & { storeName: string },
): Promise<StepEnd> {
  const { ledger, now } = ports;
  const begun = { ...batch, total: valid.lines, classes: valid.classes };
  const estimate = await ports.estimate(begun);
  const moved = await moveBatch(ledger, batch.id, {
    from: ['validating'],
    to: 'in_progress',
    checkAt: Math.min(now() + CHECK_MS, batch.expiresAt),
    set: {
      total: valid.lines,
      classes: JSON.stringify(valid.classes),
      input_store: valid.storeName,
      in_progress_at: now(),
      ideal_ms: estimate.idealMs,
      cost_estimate: estimate.costEstimateUsd,
      eta_at: estimate.idealMs === null ? null : Math.round(now() + estimate.idealMs),
    },
  });
  if (moved.kind !== 'moved') return DONE;
  ports.events.batchStarted({
    batch: batch.id,
    lines: valid.lines,
    classes: valid.classes.length,
    ideal_ms: estimate.idealMs,
  });
  const stored = await readBatch(ledger, batch.id);
  if (stored) ports.onStart(stored);
  return DONE;
}

/** Cancelled or past its window: what has not been called is dropped, what is being called may end. */
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
  const chunks = await openChunks(ledger, batch.id);
  const answers = await Promise.all(
    chunks.map((id) => dropChunk(ledger, { id, batch: batch.id }, now())),
  );
  if (answers.includes('called')) return { kind: 'again', afterMs: LOOK_AGAIN_MS };
  if (await hasUnrecorded(ports, batch)) return { kind: 'again', afterMs: LOOK_AGAIN_MS };
  const stored = await readBatch(ledger, batch.id);
  return stored ? finalise(ports, stored) : DONE;
}

/** Answers that lie in the stream are lines of the batch still to be recorded. */
async function hasUnrecorded({ ledger }: StepPorts, batch: StoredBatch): Promise<boolean> {
  const slot = Number.parseInt(batch.id['batch_'.length] as string, 16);
  return (await ledger.redis.xlen(ledger.keys.outcomes(slot))) > 0;
}

const ENDS: Partial<
  Record<
    StoredBatch['status'],
    { to: BatchEnd; unfinished: 'batch_expired' | 'batch_cancelled' | null }
  >
> = {
  in_progress: { to: 'completed', unfinished: null },
  finalizing: { to: 'completed', unfinished: null },
  cancelling: { to: 'cancelled', unfinished: 'batch_cancelled' },
  expiring: { to: 'expired', unfinished: 'batch_expired' },
};

async function finalise(ports: StepPorts, batch: StoredBatch): Promise<StepEnd> {
  const ending = ENDS[batch.status];
  if (!ending || (ending.unfinished === null && batch.completed + batch.failed < batch.total))
    return DONE;
  const { ledger, store, now } = ports;
  const input = await readFile(ledger, batch.inputFileId);
  const ids = { output: outputId(batch.id, 'output'), error: outputId(batch.id, 'error') };
  const written = await finaliseBatch({
    store,
    batchId: batch.id,
    extents: await readExtents(ledger, batch.id),
    totalLines: batch.total,
    unfinished: ending.unfinished,
    inputName: input?.storeName ?? '',
    outputName: `files/${ids.output}`,
    errorName: `files/${ids.error}`,
  });
  if (written.kind === 'incomplete') throw new Incomplete(batch.id, written);
  const set: Record<string, string | null> = {};
  for (const kind of ['output', 'error'] as const) {
    const bytes = kind === 'output' ? written.outputBytes : written.errorBytes;
    if (bytes === null) continue;
    await createFile(ledger, fileRecord(ports, batch, { id: ids[kind], kind, bytes }));
    set[`${kind}_file_id`] = ids[kind];
  }
  await end(ports, batch, {
    to: ending.to,
    from: [batch.status],
    set: { ...set, finalizing_at: batch.finalizingAt ?? now() },
  });
  return DONE;
}

/** What is recorded and what is counted disagree: the batch is not ended, the step is tried again and says so. */
class Incomplete extends Error {
  constructor(batchId: string, { expected, found }: { expected: number; found: number }) {
    super(`batch ${batchId} has ${expected} lines, its segments hold ${found}`);
    this.name = 'Incomplete';
  }
}

/** The same id each time it is finalised, in the batch's slot. */
function outputId(batchId: string, kind: string): string {
  return makeSiblingId('file', batchId, createHash('sha256').update(`${batchId} ${kind}`).digest());
}

function fileRecord(
  ports: StepPorts,
  batch: StoredBatch,
  file: { id: string; kind: string; bytes: number },
) {
  const createdAt = ports.now();
  const livesMs =
    batch.outputExpiresAfter === null ? ports.filesMs : batch.outputExpiresAfter * 1000;
  return {
    id: file.id,
    tenant: batch.tenant,
    bytes: file.bytes,
    createdAt,
    filename: `${batch.id}_${file.kind}.jsonl`,
    purpose: 'batch_output',
    expiresAt: createdAt + livesMs,
    storeName: `files/${file.id}`,
  };
}

async function end(
  ports: StepPorts,
  batch: StoredBatch,
  ending: { to: BatchEnd; from: string[]; set: Record<string, string | number | null> },
): Promise<void> {
  ports.onEnd(batch.id);
  await finishBatch(ports.ledger, {
    id: batch.id,
    ...ending,
    now: ports.now(),
    eventId: makeId('evt', randomBytes(16)),
    keepSeconds: ports.keepSeconds,
  });
  ports.events.batchEnded({
    batch: batch.id,
    status: ending.to,
    lines: batch.total,
    failed: batch.failed,
  });
}
