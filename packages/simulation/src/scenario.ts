/** What is simulated: a fleet, how its providers behave, and the work that comes. Plain data, times in virtual ms from 0. */
import type { Depth, Health } from '@sluice/balancing';
import type { PacingSettings } from '@sluice/budget';
import type { FailureClass, Fleet, Priority, Tenant } from '@sluice/job';
import type { Backoff } from '@sluice/retry';
import type { SetLimits, WindowKind } from '@sluice/windows';

/** How long a call takes: base + per token, up to `jitter` (0…1) of it more or less. Milliseconds. */
export interface Latency {
  baseMs: number;
  perInputToken: number;
  perOutputToken: number;
  jitter: number;
}

/**
 * Something that goes wrong from `fromMs` to `toMs`: every call fails with a class; or `hang`: none is answered; or
 * `slow`: each takes `factor` times as long.
 */
export interface Outage {
  fromMs: number;
  toMs: number;
  kind: FailureClass | 'hang' | 'slow';
  factor: number;
}

/** How the provider behind a deployment behaves. */
export interface Behaviour {
  /** How it counts, and how full its windows are at the start, 0…1. */
  window: WindowKind;
  initialFill: number;
  /** Its true limits; what the config says where absent. */
  limits: SetLimits;
  /** What other users of the same limits spend, per minute, as long as there is any. */
  others: SetLimits;
  latency: Latency;
  outages: readonly Outage[];
  /** Share of the calls that fails with a class. */
  failures: Partial<Record<FailureClass, number>>;
  /** Whether refused and failed calls count as requests (OpenAI). */
  failedRequestsCount: boolean;
  /** Whether answers say what is left of the limits. */
  headers: boolean;
}

export const USUAL_BEHAVIOUR: Behaviour = {
  window: 'bucket_1s',
  initialFill: 1,
  limits: {},
  others: {},
  latency: { baseMs: 300, perInputToken: 0.05, perOutputToken: 15, jitter: 0.1 },
  outages: [],
  failures: {},
  failedRequestsCount: false,
  headers: true,
};

/** What an operator sets a deployment to, and for how long. */
export interface Wish {
  deployment: string;
  fromMs: number;
  toMs: number;
  wish: Health['wish'];
}

/** One request. */
export interface Job {
  /** Arrival. */
  at: number;
  pool: string;
  tenant: string;
  priority: Priority;
  /** The last tier it may use; null or absent = any. */
  maxTier?: number | null;
  /** The batch it is a line of; null = a job of its own. */
  batch: string | null;
  /** What the dispatcher sees of it. */
  characters: number;
  maxOutput: number | null;
  /** What the provider makes of it: tokens read, and tokens its answer has if nothing cuts it off. */
  inputTokens: number;
  outputTokens: number;
  /** Deployments whose wire format can say it; null = all. */
  eligible: ReadonlySet<string> | null;
  /** From its arrival. */
  deadlineMs: number;
}

export interface Scenario {
  fleet: Fleet;
  tenants: readonly Tenant[];
  /** By deployment; {@link USUAL_BEHAVIOUR} where absent. */
  behaviours: ReadonlyMap<string, Behaviour>;
  /** Absent = an operator leaves all as they are. */
  wishes?: readonly Wish[];
  /** In the order of their arrival. */
  jobs: readonly Job[];
  seed: number;
  /** Instead of each pool's own. */
  strategy?: string | undefined;
  settings: Settings;
}

/** As the config file sets them for production. */
export interface Settings {
  depth: Depth;
  /** How often the dispatcher looks at queues and budgets. */
  snapshotMs: number;
  /** How often it plans. */
  planMs: number;
  /** Lines of a batch that may be placed and not yet ended. */
  windowLines: number;
  pacing: PacingSettings;
  maxAttempts: number;
  backoff: Backoff;
}
