/**
 * A dry run: the file is checked line by line as a batch's is, and what the batch would take is told. Nothing is kept of it
 * but the answer, and nothing goes on when nobody waits for that.
 */
import { FileMissing } from '@sluice/files';
import { answerDryRun, readDryRun } from '@sluice/ledger';
import type { DryRun, DryRunAnswer } from '@sluice/ledger';
import { inputGone, rulesFor } from './begin-batch.ts';
import { checkBatch } from './batch/validate.ts';
import type { CheckedBatch } from './batch/validate.ts';
import { DONE, LOOK_AGAIN_MS } from './step-ports.ts';
import type { StepEnd, StepPorts } from './step-ports.ts';

/** Real batches begin meanwhile. */
const AT_ONCE = 2;
const ASK_EVERY_MS = 1_000;

export async function dryRun(ports: StepPorts, id: string): Promise<StepEnd> {
  const run = await readDryRun(ports.ledger, id);
  if (run === null) return DONE;
  if (ports.dryRuns.size >= AT_ONCE) return { kind: 'again', afterMs: LOOK_AGAIN_MS };
  ports.dryRuns.add(id);
  const wanted = new AbortController();
  const asking = setInterval(() => void stopUnlessWanted(ports, id, wanted), ASK_EVERY_MS);
  try {
    const signal = AbortSignal.any([wanted.signal, ports.signal]);
    const checked = await check(ports, run, signal);
    await answerDryRun(ports.ledger, id, await answerOf(ports, run, checked));
  } catch (error) {
    if (!wanted.signal.aborted) throw error;
  } finally {
    clearInterval(asking);
    ports.dryRuns.delete(id);
  }
  return DONE;
}

async function stopUnlessWanted(
  { ledger }: StepPorts,
  id: string,
  wanted: AbortController,
): Promise<void> {
  const run = await readDryRun(ledger, id).catch(() => undefined);
  if (run === null) wanted.abort();
}

const check = (ports: StepPorts, run: DryRun, signal: AbortSignal): Promise<CheckedBatch> =>
  checkBatch({
    store: ports.store,
    inputName: run.storeName,
    endpoint: run.endpoint,
    batchId: run.id,
    rules: rulesFor(ports, run),
    keep: 'nothing',
    signal,
  }).catch((error: unknown) => {
    // Nothing is lost by telling: whoever asks may ask again.
    if (error instanceof FileMissing)
      return { ...NOTHING_READ, errors: [inputGone(run.inputFileId)] };
    throw error;
  });

const NOTHING_READ = { endpoint: null, lines: 0, lastLine: 0, classes: [], total: 1 };

async function answerOf(
  ports: StepPorts,
  run: DryRun,
  { lines, errors, total, classes }: CheckedBatch,
): Promise<DryRunAnswer> {
  const estimate = await ports.estimate({ ...run, classes });
  const ofTheFile = errors.filter(({ line }) => line === null).length;
  return { lines, badLines: total - ofTheFile, errors, estimate };
}
