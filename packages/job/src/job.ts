import type { Attempt, FailureClass } from './outcome.ts';

/** Inference endpoints that a job can name, in OpenAI's spelling. */
export const ENDPOINTS = [
  '/v1/chat/completions',
  '/v1/responses',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/moderations',
] as const;
export type Endpoint = (typeof ENDPOINTS)[number];

export const PRIORITIES = ['interactive', 'normal', 'low'] as const;
export type Priority = (typeof PRIORITIES)[number];
/** BullMQ priority of a band: 1 goes first. Every entry has one (0 would overtake them all). */
export const BAND: Record<Priority, 1 | 2 | 3> = { interactive: 1, normal: 2, low: 3 };

export const JOB_STATUSES = [
  'queued',
  'running',
  'succeeded',
  'failed',
  'cancelled',
  'expired',
] as const;
export type JobStatus = (typeof JOB_STATUSES)[number];
export type TerminalStatus = Exclude<JobStatus, 'queued' | 'running'>;

/** Terminal states never reopen: a retry is a new job with `retry_of`. */
export const isTerminal = (status: JobStatus): status is TerminalStatus =>
  status !== 'queued' && status !== 'running';

/** A job's error code: a failure class, or why it never ran. */
export type JobErrorCode = FailureClass | 'expired' | 'cancelled' | 'no_deployment';

/** The job as users see it (contract: Job). Times are Unix seconds. */
export interface Job {
  id: string;
  object: 'job';
  /** Whose it is; `default` where there are no tenants. */
  tenant: string;
  status: JobStatus;
  model: string;
  endpoint: Endpoint;
  priority: Priority;
  created_at: number;
  started_at: number | null;
  ended_at: number | null;
  deadline_at: number;
  attempts: Attempt[];
  result: { status_code: number; body: unknown } | null;
  error: { code: JobErrorCode; message: string } | null;
  cost_usd: number | null;
  metadata: Record<string, string>;
  retry_of: string | null;
  /** Of a queued job that no deployment of its pool can run now, or that its tenant's limits or its batch hold back; absent otherwise. */
  waiting?:
    | {
        reason: string;
        deployments: { deployment: string; state: string; reason: string }[];
      }
    | undefined;
  /** Where it is whole; only where its result was left out for its size. */
  url?: string | undefined;
}
