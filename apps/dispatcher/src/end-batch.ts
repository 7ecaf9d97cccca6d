/** The end of a batch: its files are written from what was recorded, then its state and its event in one step. */
import { createHash, randomBytes } from 'node:crypto';
import { FileMissing, indexName } from '@sluice/files';
import type { Extent } from '@sluice/files';
import { makeId, makeSiblingId } from '@sluice/job';
import { createFile, finishBatch, readExtents, readFile } from '@sluice/ledger';
import type { BatchEnd, BatchError, StoredBatch } from '@sluice/ledger';
import { finaliseBatch } from './batch/finalise.ts';
import type { Finalised, FinaliseInput } from './batch/finalise.ts';
import { untilGone } from './missing-file.ts';
import { DONE, LOOK_AGAIN_MS } from './step-ports.ts';
import type { StepEnd, StepPorts } from './step-ports.ts';

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

/** Writes a batch's files and ends it. `again`: lines were recorded meanwhile. */
export async function finalise(ports: StepPorts, batch: StoredBatch): Promise<StepEnd> {
  const ending = ENDS[batch.status];
  if (!ending || (ending.unfinished === null && batch.completed + batch.failed < batch.total))
    return DONE;
  const { ledger, store, now } = ports;
  const input = await readFile(ledger, batch.inputFileId);
  const extents = await readExtents(ledger, batch.id);
  const ids = { output: outputId(batch.id, 'output'), error: outputId(batch.id, 'error') };
  const written = await writeFiles(ports, {
    store,
    batchId: batch.id,
    extents,
    totalLines: batch.total,
    unfinished: ending.unfinished,
    inputName: input?.storeName ?? `files/${batch.inputFileId}`,
    indexNames: batch.classes.map(({ index }) => indexName(batch.id, index)),
    inputGone: input === null,
    outputName: `files/${ids.output}`,
    errorName: `files/${ids.error}`,
    signal: ports.signal,
  });
  if (written.kind === 'incomplete') throw new Incomplete(batch.id, written);
  const set: Record<string, string | null> = {};
  for (const kind of ['output', 'error'] as const) {
    const bytes = kind === 'output' ? written.outputBytes : written.errorBytes;
    if (bytes === null) continue;
    await createFile(ledger, fileRecord(ports, batch, { id: ids[kind], kind, bytes }));
    set[`${kind}_file_id`] = ids[kind];
  }
  const errors = written.unknown > 0 ? { errors: JSON.stringify([allGone(batch, written)]) } : {};
  const answer = await endBatch(ports, batch, {
    to: written.unknown > 0 ? 'failed' : ending.to,
    from: [batch.status],
    extents,
    set: { ...set, ...errors, finalizing_at: batch.finalizingAt ?? now() },
  });
  return answer === 'outdated' ? { kind: 'again', afterMs: LOOK_AGAIN_MS } : DONE;
}

/** A missing input is waited for before lines are reported without it. */
async function writeFiles(ports: StepPorts, files: FinaliseInput): Promise<Finalised> {
  try {
    return await finaliseBatch(files);
  } catch (error) {
    if (!(error instanceof FileMissing) || error.file !== files.inputName) throw error;
    await untilGone(ports, files.batchId, error);
    return finaliseBatch({ ...files, inputGone: true });
  }
}

const allGone = (batch: StoredBatch, { unknown }: { unknown: number }): BatchError => ({
  code: 'input_file_gone',
  message: `${unknown} requests did not end and stand in neither file: file ${batch.inputFileId} and what was made of it are gone from the file store.`,
  param: 'input_file_id',
  line: null,
});

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

/** So long live its files. */
const outputLivesMs = ({ filesMs }: StepPorts, { outputExpiresAfter }: StoredBatch): number =>
  outputExpiresAfter === null ? filesMs : outputExpiresAfter * 1000;

function fileRecord(
  ports: StepPorts,
  batch: StoredBatch,
  file: { id: string; kind: string; bytes: number },
) {
  const createdAt = ports.now();
  return {
    id: file.id,
    tenant: batch.tenant,
    bytes: file.bytes,
    createdAt,
    filename: `${batch.id}_${file.kind}.jsonl`,
    purpose: 'batch_output',
    expiresAt: createdAt + outputLivesMs(ports, batch),
    storeName: `files/${file.id}`,
  };
}

export async function endBatch(
  ports: StepPorts,
  batch: StoredBatch,
  ending: {
    to: BatchEnd;
    from: string[];
    extents: readonly Extent[] | null;
    set: Record<string, string | number | null>;
  },
): Promise<'ended' | 'had_ended' | 'missing' | 'outdated'> {
  ports.onEnd(batch.id);
  const answer = await finishBatch(ports.ledger, {
    id: batch.id,
    ...ending,
    now: ports.now(),
    eventId: makeId('evt', randomBytes(16)),
    keepSeconds: ports.keepSeconds,
    pool: onlyPoolOf(batch),
    lapsesAt: ports.now() + Math.max(ports.filesMs, outputLivesMs(ports, batch)),
  });
  const { total: lines, failed } = batch;
  if (answer === 'ended')
    ports.events.batchEnded({ batch: batch.id, status: ending.to, lines, failed });
  return answer;
}

/** The pool of all its lines; '' when there are several. */
function onlyPoolOf({ classes }: StoredBatch): string {
  const pools = new Set(classes.map(({ pool }) => pool));
  return pools.size === 1 ? ([...pools][0] as string) : '';
}
