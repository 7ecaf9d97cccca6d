/** What a run comes to, and what it tells while it goes. */
import type { Standing } from '@sluice/balancing';
import type { CallCounts } from './calls.ts';
import type { Providers } from './providers.ts';
import type { Task } from './task.ts';

/** What happened: the material of every figure. */
export interface Run {
  tasks: readonly Task[];
  /** By deployment. */
  calls: ReadonlyMap<string, CallCounts>;
  providers: Providers;
  /** When the last job ended, ms. */
  endedAt: number;
}

/** A call that starts, and how its deployment stands then. */
export interface Start {
  task: Task;
  deployment: string;
  at: number;
  stands: Standing;
}

/** Who looks on while a run goes. */
export interface Watching {
  started?: (start: Start) => void;
  ended?: (task: Task) => void;
}

export interface Progress {
  nowMs: number;
  ended: number;
  jobs: number;
}
