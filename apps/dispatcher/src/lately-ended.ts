/** Calls of a deployment that ended lately, decaying, and how many of them failed; 429s and lost ones do not count. Pure. */
import type { DeploymentLoad } from '@sluice/admission';
import { LATELY } from '@sluice/balancing';

export interface LatelyEnded {
  ok: number;
  failed: number;
  /** When the last one was seen to end. */
  at: number;
}

export const NOTHING_LATELY: LatelyEnded = { ok: 0, failed: 0, at: Number.NEGATIVE_INFINITY };

/** So many answers are taken for granted: one failure among few calls is no bad deployment. */
const ASSUMED_OK = 3;

/** By what the look before it said, and when that was. */
export function latelyAfter(
  { load: before, lately, knownAt }: { load: DeploymentLoad; lately: LatelyEnded; knownAt: number },
  load: DeploymentLoad,
  now: number,
): LatelyEnded {
  const kept = Math.exp(-Math.max(0, now - knownAt) / LATELY.decayMs);
  const ok = Math.max(0, load.ok - before.ok);
  const failed = Math.max(0, load.failed - blameless(load) - before.failed + blameless(before));
  const at = ok + failed > 0 ? now : lately.at;
  return { ok: lately.ok * kept + ok, failed: lately.failed * kept + failed, at };
}

/** Failed, and not for the deployment's sake: a 429 is about a budget, what is lost was broken off here. */
const blameless = ({ byOutcome }: DeploymentLoad): number =>
  (byOutcome.rate_limited ?? 0) + (byOutcome.lost ?? 0);

/** As strategies want it, 0…1: of few calls it says little. */
export const cautiousErrorRate = ({ ok, failed }: LatelyEnded): number =>
  failed / (ok + failed + ASSUMED_OK);

/** Of the calls that ended in about the last half minute, 0…1; null: none ended in the last minute. */
export const seenErrorRate = ({ ok, failed, at }: LatelyEnded, now: number): number | null =>
  now - at > LATELY.forgottenMs ? null : failed / (ok + failed);
