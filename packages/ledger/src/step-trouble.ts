/**
 * A step of a batch that failed and is tried again: since when, and why, for whoever asks why the batch stands still. What nobody
 * notes again lapses.
 */
import { againAfterMs } from './again-after.ts';
import type { Ledger } from './ledger.ts';

/** Whoever asks is told of it for so long after it was to be tried again, ms. */
const SHOWN_MS = 30_000;

export interface StepTrouble {
  step: string;
  error: string;
  /** ms */
  since: number;
  /** When it is tried again, ms. */
  againAt: number;
}

/** What is known after a failure. Pure. */
function troubleAfter(
  before: StepTrouble | null,
  { step, error, now }: { step: string; error: string; now: number },
): StepTrouble {
  const since = before?.step === step ? before.since : now;
  return { step, error, since, againAt: now + againAfterMs(now - since) };
}

/** Notes a failure; what is known by now. */
export async function noteStepTrouble(
  ledger: Ledger,
  batch: string,
  failure: { step: string; error: string; now: number },
): Promise<StepTrouble> {
  const trouble = troubleAfter(await readStepTrouble(ledger, batch), failure);
  const shownMs = trouble.againAt - failure.now + SHOWN_MS;
  const { redis, keys } = ledger;
  await redis.set(keys.stepTrouble(batch), JSON.stringify(trouble), 'PX', Math.ceil(shownMs));
  return trouble;
}

/** A step of it has been done. */
export async function forgetStepTrouble({ redis, keys }: Ledger, batch: string): Promise<void> {
  await redis.del(keys.stepTrouble(batch));
}

/** null = none lately. */
export async function readStepTrouble(
  { redis, keys }: Ledger,
  batch: string,
): Promise<StepTrouble | null> {
  const text = await redis.get(keys.stepTrouble(batch));
  return text === null ? null : (JSON.parse(text) as StepTrouble);
}
