/** A step that failed, whatever the reason, is run again later; the log names it, and its batch says what it waits for. */
import { againAfterMs, forgetStepTrouble, noteStepTrouble } from '@sluice/ledger';
import type { StepData } from '@sluice/queues';
import { inBrief } from './error-words.ts';
import type { StepEnd, StepPorts } from './step-ports.ts';

export async function failedStep(
  { ledger, events, now, troubled }: StepPorts,
  { batch, step }: StepData,
  error: unknown,
): Promise<StepEnd> {
  events.failed({ what: `${step} of ${batch}`, error: String(error) });
  // Whoever waits for it sees no batch.
  if (step === 'dry_run') return { kind: 'again', afterMs: againAfterMs(0) };
  const at = now();
  troubled.add(batch);
  const failure = { step, error: inBrief(error), now: at };
  const trouble = await noteStepTrouble(ledger, batch, failure).catch(() => null);
  // Where it could not be noted either, nobody knows since when it fails.
  return { kind: 'again', afterMs: trouble === null ? againAfterMs(0) : trouble.againAt - at };
}

/** Asks nothing of Redis unless this process noted that one failed: what another noted lapses. */
export async function stepWorked({ ledger, troubled }: StepPorts, batch: string): Promise<void> {
  if (!troubled.delete(batch)) return;
  await forgetStepTrouble(ledger, batch).catch(() => undefined);
}
