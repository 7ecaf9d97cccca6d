/**
 * A block: the provider has said that no call will succeed until somebody does something (a new key, money, another
 * model name). It is not a breaker: it costs jobs no attempt, shows its reason, and is tried again once a minute and
 * after every change of config. One success clears it.
 */
import type { FailureClass } from '@sluice/job';

export const BLOCK_RETRY_MS = 60_000;

/** Failure classes that block a deployment. */
export const BLOCKING = ['credential', 'quota_exhausted', 'model_gone'] as const;
export type BlockReason = (typeof BLOCKING)[number];

export interface Block {
  reason: BlockReason;
  /** When the deployment was first refused, ms: kept through failed retries. */
  since: number;
  /** When one job may try it again, ms. */
  retryAt: number;
}

export type BlockFact =
  | { kind: 'refused'; reason: BlockReason }
  | { kind: 'succeeded' }
  | { kind: 'config_changed' };

export const isBlocking = (outcome: FailureClass): outcome is BlockReason =>
  (BLOCKING as readonly string[]).includes(outcome);

/** The block after a fact; null = not blocked. */
export function afterFact(block: Block | null, fact: BlockFact, now: number): Block | null {
  if (fact.kind === 'succeeded') return null;
  if (fact.kind === 'refused')
    return { reason: fact.reason, since: block?.since ?? now, retryAt: now + BLOCK_RETRY_MS };
  return block && { ...block, retryAt: now };
}

/** Whether one job may try the deployment again. */
export const isDue = (block: Block, now: number): boolean => now >= block.retryAt;
