/**
 * Dry runs: a question of the API to the dispatcher, and its answer. Both lapse by themselves: nobody keeps what nobody
 * waits for. `changes` tells `<id> done` when there is an answer.
 */
import type { Endpoint, Priority } from '@sluice/job';
import type { BatchError } from './batches.ts';
import type { Ledger } from './ledger.ts';

/** A batch that is not to be made. Times are Unix milliseconds. */
export interface DryRun {
  /** Shaped like a batch's. */
  id: string;
  tenant: string;
  endpoint: Endpoint;
  inputFileId: string;
  /** The file's name in the store. */
  storeName: string;
  priority: Priority;
  metadata: Record<string, string> | null;
  maxTier: number | null;
  maxCostUsd: number | null;
  createdAt: number;
  expiresAt: number;
}

/** A sum over many lines, and between what it will probably lie. */
export interface EstimateRange {
  low: number;
  likely: number;
  high: number;
}

/** The lines of one pool, or of a file. */
interface LinesEstimate {
  inputTokens: EstimateRange;
  outputTokens: EstimateRange;
  /** US dollars; null where a deployment has no price. */
  costUsd: EstimateRange | null;
}

export interface PoolEstimate extends LinesEstimate {
  lines: number;
}

/** A figure that an estimate goes by, and whether answers taught it, the config says it, or nothing is known. */
export interface Assumption {
  value: number;
  from: 'answers' | 'config' | 'default';
}

/** The same where there may be no figure: null = not known. */
export interface MaybeAssumption extends Omit<Assumption, 'value'> {
  value: number | null;
}

export interface Assumptions {
  /** Tokens of an answer, by pool, in the mean over its lines. */
  outputTokens: Record<string, Assumption>;
  /** Those that the lines may go to. */
  deployments: Record<
    string,
    {
      charsPerToken: Assumption;
      /** Booked for a line that sets no maximum, while nobody has answered; null = each that may go there sets one. */
      maxTokens: Assumption | null;
      /** Mean of a call; not known before the first answer. */
      latencyMs: MaybeAssumption;
    }
  >;
}

/** Of a whole batch, before its first call. */
export interface Estimate extends LinesEstimate {
  /** T*, ms, whatever it costs; null where some line has no deployment. */
  idealMs: number | null;
  /** From now until it is done, ms, beside what drains now. */
  etaMs: number | null;
  /** Pools that save money: what their lines cost, and when they are done, is by the cheapest plan that keeps the deadline. Absent = none. */
  thrifty?: string[];
  /** Of how many lines its ceiling pays, where it has one. */
  paidLines?: EstimateRange;
  pools: Record<string, PoolEstimate>;
  assumed: Assumptions;
  /** What would make it much faster, a sentence each. Absent = nothing that is known. */
  hints?: string[];
}

/** What the API answers with, but for what it knows itself. */
export interface DryRunAnswer {
  lines: number;
  /** Lines with a mistake, and the first hundred of these mistakes. */
  badLines: number;
  errors: BatchError[];
  estimate: Estimate;
}

/** Longer than anybody waits. */
const KEPT_MS = 900_000;

export async function askDryRun({ redis, keys }: Ledger, run: DryRun): Promise<void> {
  await redis.set(keys.dryRun(run.id), JSON.stringify(run), 'PX', KEPT_MS);
}

/** Null when nobody waits for it any more. */
export async function readDryRun({ redis, keys }: Ledger, id: string): Promise<DryRun | null> {
  const text = await redis.get(keys.dryRun(id));
  return text === null ? null : (JSON.parse(text) as DryRun);
}

export async function answerDryRun(
  { redis, keys }: Ledger,
  id: string,
  answer: DryRunAnswer,
): Promise<void> {
  await redis.set(keys.dryRunAnswer(id), JSON.stringify(answer), 'PX', KEPT_MS);
  await redis.publish(keys.changes, `${id} done`);
}

/** Null while there is none. */
export async function readDryRunAnswer(
  { redis, keys }: Ledger,
  id: string,
): Promise<DryRunAnswer | null> {
  const text = await redis.get(keys.dryRunAnswer(id));
  return text === null ? null : (JSON.parse(text) as DryRunAnswer);
}

/** The question and its answer: whoever is at it stops. */
export async function forgetDryRun({ redis, keys }: Ledger, id: string): Promise<void> {
  await redis.del(keys.dryRun(id), keys.dryRunAnswer(id));
}
