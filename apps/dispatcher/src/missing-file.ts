/**
 * A file that the ledger knows and the store says is not there: a step that needs it is run again later, until it is there or
 * counts as gone.
 */
import type { FileMissing } from '@sluice/files';
import { isGone, noteUnread } from '@sluice/ledger';
import { RunAgain } from './run-again.ts';
import type { StepEnd, StepPorts } from './step-ports.ts';

/** Resolves once it is gone, and ends the step before that. */
export async function untilGone(
  ports: StepPorts,
  batch: string,
  missing: FileMissing,
): Promise<void> {
  const { gone, afterMs } = await lookedInVain(ports, batch, missing);
  if (!gone) throw new RunAgain(afterMs);
}

/** What cannot be done without is looked for until it is there. */
export async function untilThere(
  ports: StepPorts,
  batch: string,
  missing: FileMissing,
): Promise<StepEnd> {
  const { afterMs } = await lookedInVain(ports, batch, missing);
  return { kind: 'again', afterMs };
}

async function lookedInVain(
  { ledger, now, events }: StepPorts,
  batch: string,
  { file, message }: FileMissing,
): Promise<{ gone: boolean; afterMs: number }> {
  const at = now();
  const unread = await noteUnread(ledger, batch, { file, missing: true, error: message, now: at });
  const [gone, afterMs] = [isGone(unread, at), unread.againAt - at];
  if (!gone) events.failed({ what: `a step of ${batch}`, error: message });
  return { gone, afterMs };
}
