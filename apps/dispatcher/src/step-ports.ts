/** What the steps of a batch's life need, and how each of them ends. */
import type { Settings } from '@sluice/config';
import type { FileStore } from '@sluice/files';
import type { Fleet } from '@sluice/job';
import type { Estimate, Ledger, StoredBatch } from '@sluice/ledger';
import type { ToDrain } from './draining.ts';
import type { DispatcherEvents } from './events.ts';
import type { LargeFiles } from './large-files.ts';

export interface StepPorts {
  ledger: Ledger;
  store: FileStore;
  fleet: Fleet;
  routes: Settings['routes'];
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
  estimate: (batch: ToDrain) => Promise<Estimate>;
  onStart: (batch: StoredBatch) => void;
  onEnd: (id: string) => void;
  /** Batches that are being validated by this process: nobody validates one twice at once. */
  validating: Map<string, Promise<void>>;
  /** Batches of which a step failed last, as far as this process knows. */
  troubled: Set<string>;
  largeFiles: LargeFiles;
  /** Steps that this process is at, by their names: none of them is begun a second time. */
  underWay: Set<string>;
  /** Dry runs that this process is at. */
  dryRuns: Set<string>;
  /** Aborted when the term ends: long steps stop at once, and whoever leads next begins them anew. */
  signal: AbortSignal;
}

/** `again`: not finished yet (calls in flight): run the step again after so many ms. */
export type StepEnd = { kind: 'done' } | { kind: 'again'; afterMs: number };

export const DONE: StepEnd = { kind: 'done' };
export const LOOK_AGAIN_MS = 250;
