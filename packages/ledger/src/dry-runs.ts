/**
 * Dry runs: a question of the API to the dispatcher, and its answer. Both lapse by themselves: nobody keeps what nobody
 * waits for. `changes` tells `<id> done` when there is an answer.
 */
import type { Endpoint, Priority } from '@sluice/job';
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
  createdAt: number;
  expiresAt: number;
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

/** `answer`: one JSON object. */
export async function answerDryRun(
  { redis, keys }: Ledger,
  id: string,
  answer: string,
): Promise<void> {
  await redis.set(keys.dryRunAnswer(id), answer, 'PX', KEPT_MS);
  await redis.publish(keys.changes, `${id} done`);
}

/** Null while there is none. */
export const readDryRunAnswer = ({ redis, keys }: Ledger, id: string): Promise<string | null> =>
  redis.get(keys.dryRunAnswer(id));

/** The question and its answer: whoever is at it stops. */
export async function forgetDryRun({ redis, keys }: Ledger, id: string): Promise<void> {
  await redis.del(keys.dryRun(id), keys.dryRunAnswer(id));
}
