/** Reads all that admission knows of one root, at one moment. */
import type { Redis } from 'ioredis';
import type { RootSnapshot } from './budget-load.ts';
import { leasesKey, loadKey, ratesKey } from './keys.ts';

export interface RootAddress {
  prefix: string;
  root: string;
  /** Its budgets that count calls in flight. */
  limited: readonly string[];
  /** Tests only: the time in microseconds; 0 = Redis's own. */
  micros: number;
}

export async function readRoot(
  redis: Redis,
  { prefix, root, limited, micros }: RootAddress,
): Promise<RootSnapshot> {
  const keys = limited.map((budget) => leasesKey(prefix, root, budget));
  const [now, rates, load, ...permits] = await redis.sluiceReadBudgets(
    2 + keys.length,
    ratesKey(prefix, root),
    loadKey(prefix, root),
    ...keys,
    micros,
  );
  return {
    nowMs: now / 1000,
    rates: fieldsOf(rates),
    load: fieldsOf(load),
    permits: new Map(limited.map((budget, i) => [budget, permits[i] ?? 0])),
  };
}

function fieldsOf(flat: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>();
  for (let i = 0; i + 1 < flat.length; i += 2) fields.set(flat[i] as string, flat[i + 1] as string);
  return fields;
}
