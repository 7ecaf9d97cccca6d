/** How the pump that places entries feeds the lines of batches among them: by turns that are told by their ids. */
import type { Turn } from '@sluice/fairness';
import type { Used } from './turn-book.ts';

/** What ids of turns of batch lines begin with. */
export const LINES = 'lines ';

/** Lines that were taken; `finished`: no more of the tenant's and band's wait. */
export interface Fed {
  used: Used;
  finished: boolean;
}

/** One pump's feeding of batches. */
export interface LineFeeding {
  /** Lines of the tenant's batches of that band; null = none of them may go anywhere now. */
  takeTurn(turn: Turn, most: number): Fed | null;
  /** Carries out what was taken. */
  end(): void;
}
