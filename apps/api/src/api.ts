/** What handlers work with: one typed object, built once. */
import type { Registry } from 'prom-client';
import type { Installation, Settings } from '@sluice/config';
import type { LiveControl } from '@sluice/control';
import type { FileStore } from '@sluice/files';
import type { Fleet, Tenant } from '@sluice/job';
import type { Ledger, RedisClock, Watch } from '@sluice/ledger';
import type { ApiEvents } from './events.ts';
import type { LiveFigures } from './figures.ts';
import type { JobReads } from './job-reads.ts';
import type { LineReads } from './line-reads.ts';
import type { Metrics } from './metrics.ts';
import type { QueueDoor } from './queue-door.ts';
import type { RecordedLines } from './recorded-lines.ts';

export interface Api {
  fleet: Fleet;
  tenants: readonly Tenant[];
  settings: Settings;
  /** Without API keys, also on other addresses than loopback. */
  allowOpen: boolean;
  control: LiveControl<Installation>;
  ledger: Ledger;
  /** Of single jobs, for those who ask and wait. */
  reads: JobReads;
  /** Of lines of batches, likewise. */
  lines: LineReads;
  /** What is recorded of them. */
  recorded: RecordedLines;
  queues: QueueDoor;
  watch: Watch;
  store: FileStore;
  figures: LiveFigures;
  events: ApiEvents;
  metrics: Metrics;
  registry: Registry;
  /** /openapi.json. */
  description: object;
  /** Sections and variables of the config as last read that this process does not go by until it starts again. */
  needsRestart: readonly string[];
  /** When this process started, Unix ms. */
  startedAt: number;
  /** What all that is stored, judged or shown is dated by. */
  clock: RedisClock;
  /** Aborted when the process begins to stop. */
  stopping: AbortSignal;
}
