/** What a queue entry carries: a hint of where to look in the ledger, never a body. */

/** `id` names a job or a chunk of a batch; an entry whose epoch is not the record's is dropped. */
export interface EntryData {
  id: string;
  epoch: number;
  /** A single job that filled its share's window: more of it may wait in the ledger. */
  more?: true;
}

/** A short step in a batch's life. */
export interface StepData {
  batch: string;
  step: 'validate' | 'finalise' | 'wind_down' | 'dry_run';
}

/**
 * BullMQ's priority of a step. Validating comes last: what ends a batch is worth more than what begins another, and somebody waits
 * for a dry run. All have one: BullMQ takes entries without a priority before all others.
 */
export const stepPriority = (step: StepData['step']): number => (step === 'validate' ? 2 : 1);

/** Adding the same move twice makes one entry. (BullMQ forbids `:` and plain integers.) */
export const entryJobId = (entry: EntryData): string => `${entry.id}-${entry.epoch}`;
