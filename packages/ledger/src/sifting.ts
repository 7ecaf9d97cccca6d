/**
 * Which rows of a list may be what someone looks for: found out in Redis, so that passing over thousands moves none of them.
 * The caller looks at what it reads of those that are left: they may have changed meanwhile.
 */
import { slotOf } from '@sluice/job';
import type { JobStatus } from '@sluice/job';
import type { BatchStatus } from './batches.ts';
import { SLOT_NUMBERS } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger } from './ledger.ts';

/** What a list of jobs is asked for; undefined = any. */
export interface JobFilter {
  status: JobStatus | undefined;
  model: string | undefined;
  /** Has all of these. */
  metadata: ReadonlyMap<string, string>;
}

/** Those of the ids, in their order, whose job is there and may match. */
export const siftJobs = (
  ledger: Ledger,
  ids: readonly string[],
  { status, model, metadata }: JobFilter,
): Promise<string[]> =>
  sift(ledger, ids, {
    keyOf: ledger.keys.job,
    wanted: [
      oneOf(status === undefined ? [] : [status]),
      model === undefined ? 0 : 1,
      model ?? '',
      ...[...metadata].flat(),
    ],
  });

/** The same of batches that stand in one of these statuses. */
export const siftBatches = (
  ledger: Ledger,
  ids: readonly string[],
  statuses: readonly BatchStatus[],
): Promise<string[]> =>
  sift(ledger, ids, { keyOf: ledger.keys.batch, wanted: [oneOf(statuses), 0, ''] });

const oneOf = (statuses: readonly string[]): string =>
  statuses.length === 0 ? '' : `,${statuses.join(',')},`;

async function sift(
  ledger: Ledger,
  ids: readonly string[],
  { keyOf, wanted }: { keyOf: (id: string) => string; wanted: (string | number)[] },
): Promise<string[]> {
  const bySlot = SLOT_NUMBERS.map((): string[] => []);
  for (const id of ids) bySlot[slotOf(id)]?.push(id);
  const found = await Promise.all(
    bySlot.map(async (some) => {
      if (some.length === 0) return [];
      const places = await run(ledger, 'sift-records', some.map(keyOf), wanted);
      return (places as number[]).map((place) => some[place - 1] as string);
    }),
  );
  const matching = new Set(found.flat());
  return ids.filter((id) => matching.has(id));
}
