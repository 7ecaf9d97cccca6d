/**
 * How the arms of a `split`, or the regions, of a pool compare: calls that ended, by the deployment that made them and the
 * arm they were meant for. Each recording process adds its sums about once a second; what it had not added yet is lost with
 * it. Other percentages, other key: a comparison is always of one setting.
 */
import { createHash } from 'node:crypto';
import { addDurations } from '@sluice/prediction';
import type { Ledger } from './ledger.ts';

/** Sums over calls; `durations` of those that succeeded. */
export interface ArmFigures extends ArmSums {
  durations: Map<number, number>;
}

interface ArmSums {
  calls: number;
  /** Calls that answered a job. */
  succeeded: number;
  /** Calls whose end says nothing of how good the arm is. */
  aside: number;
  /** Of those that succeeded, ms. */
  tookMs: number;
  input: number;
  output: number;
  costUsd: number;
  /** Calls of unknown cost. */
  unpriced: number;
}

export interface ArmCell {
  deployment: string;
  /** The arm or region that it should have been; AS_WANTED = that is where it was. */
  wanted: string;
  figures: ArmFigures;
}

export interface ComparedPool {
  id: string;
  strategy: object;
}

const FIGURES = [
  'calls',
  'succeeded',
  'aside',
  'tookMs',
  'input',
  'output',
  'costUsd',
  'unpriced',
] as const satisfies (keyof ArmSums)[];

/** What the names of fields that count by duration begin with. */
const TOOK = 'took:';

const KEPT_SECONDS = 30 * 24 * 3_600;

export const noArmFigures = (): ArmFigures => ({
  calls: 0,
  succeeded: 0,
  aside: 0,
  tookMs: 0,
  input: 0,
  output: 0,
  costUsd: 0,
  unpriced: 0,
  durations: new Map(),
});

/** Adds figures to `sum`. */
export function addArmFigures(sum: ArmFigures, more: ArmFigures): void {
  for (const name of FIGURES) sum[name] += more[name];
  addDurations(sum.durations, more.durations);
}

function keyOf({ keys }: Ledger, { id, strategy }: ComparedPool): string {
  const digest = createHash('sha256').update(JSON.stringify(strategy)).digest('hex');
  return keys.arms(id, digest.slice(0, 16));
}

/** Adds to what is counted for the pool as it is set now; all of it or nothing. Kept for 30 days after the last call. */
export async function addArms(
  ledger: Ledger,
  pool: ComparedPool,
  { cells, now }: { cells: readonly ArmCell[]; now: number },
): Promise<void> {
  const key = keyOf(ledger, pool);
  const all = ledger.redis.multi().hsetnx(key, 'since', now).expire(key, KEPT_SECONDS);
  for (const { deployment, wanted, figures } of cells) {
    const field = (name: string): string => [deployment, wanted, name].join('\0');
    for (const name of FIGURES)
      if (figures[name] !== 0) all.hincrbyfloat(key, field(name), figures[name]);
    for (const [bucket, calls] of figures.durations)
      all.hincrby(key, field(`${TOOK}${bucket}`), calls);
  }
  await all.exec();
}

/** What was counted since the pool is set as it is now; null = nothing yet. `since`: ms. */
export async function readArms(
  ledger: Ledger,
  pool: ComparedPool,
): Promise<{ since: number; cells: ArmCell[] } | null> {
  const { since, ...fields } = await ledger.redis.hgetall(keyOf(ledger, pool));
  if (since === undefined) return null;
  const cells = new Map<string, ArmCell>();
  for (const [field, value] of Object.entries(fields)) {
    const [deployment = '', wanted = '', name = ''] = field.split('\0');
    const at = `${deployment}\0${wanted}`;
    const cell = cells.get(at) ?? { deployment, wanted, figures: noArmFigures() };
    cells.set(at, cell);
    const figure = FIGURES.find((one) => one === name);
    if (figure) cell.figures[figure] = Number(value);
    if (name.startsWith(TOOK))
      cell.figures.durations.set(Number(name.slice(TOOK.length)), Number(value));
  }
  return { since: Number(since), cells: [...cells.values()] };
}
