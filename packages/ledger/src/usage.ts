/**
 * Usage by hour: counted by the scripts that record outcomes and end jobs, in the same step, so each call and each job once;
 * per slot, and summed here. An hour is counted from 1970. The hour is that of recording.
 */
import { SLOT_NUMBERS } from './keys.ts';
import type { Ledger } from './ledger.ts';

const HOUR_MS = 3_600_000;

/** What calls used, summed. */
export interface CallSums {
  attempts: number;
  failedAttempts: number;
  usage: { input: number; cached: number; output: number; reasoning: number };
  costUsd: number;
  /** Answered calls of unknown cost, and calls that got no answer. */
  unpriced: number;
  unanswered: number;
}

/** The figures of a cell, in the order of count-usage.lua. */
const FIGURES = [
  'succeeded',
  'failed',
  'cancelled',
  'expired',
  'attempts',
  'failedAttempts',
  'input',
  'cached',
  'output',
  'reasoning',
  'costUsd',
  'unpriced',
  'unanswered',
] as const;

export type UsageFigures = Record<(typeof FIGURES)[number], number>;

/** A call's part of the figures, from `attempts` on. */
export const figuresOf = ({
  attempts,
  failedAttempts,
  usage,
  costUsd,
  unpriced,
  unanswered,
}: CallSums): [number, number, ...number[]] => [
  attempts,
  failedAttempts,
  usage.input,
  usage.cached,
  usage.output,
  usage.reasoning,
  costUsd,
  unpriced,
  unanswered,
];

const DOUBLE_BYTES = 8;

const NOTHING = Buffer.alloc(FIGURES.length * DOUBLE_BYTES);

/** Figures as count-usage.lua takes and keeps them. */
export function packed(figures: readonly number[]): Buffer {
  const bytes = Buffer.alloc(figures.length * DOUBLE_BYTES);
  figures.forEach((figure, i) => bytes.writeDoubleBE(figure, i * DOUBLE_BYTES));
  return bytes;
}

/** Where usage at this time is counted. */
export const usageKey = ({ keys }: Ledger, slot: number, now: number): string =>
  keys.usage(slot, Math.floor(now / HOUR_MS));

/** The rules as count-usage.lua takes them. */
export const rulesOf = ({ usage }: Ledger): string =>
  usage === null ? '' : [usage.keepSeconds, usage.metadataValues, ...usage.metadataKeys].join(' ');

/** What was used together: by who ran it, or by one key of the metadata. Empty texts: none, or not known any more. */
export type UsageCell = { tenant: string; figures: UsageFigures } & (
  | { kind: 'calls'; pool: string; deployment: string }
  /** `value`: null where the job has none. `isRest`: there were too many to tell apart. */
  | { kind: 'metadata'; key: string; value: string | null; isRest: boolean }
);

/** The cells of some hours, an hour after the other in ascending order; one cell may come once per slot. */
export async function readUsage(
  { redis, keys }: Ledger,
  hours: readonly number[],
): Promise<UsageCell[][]> {
  const hashes = await Promise.all(
    hours.map((hour) =>
      Promise.all(SLOT_NUMBERS.map((slot) => redis.hgetallBuffer(keys.usage(slot, hour)))),
    ),
  );
  return hashes.map((slots) => slots.flatMap(cellsOf));
}

const cellsOf = (hash: Record<string, Buffer>): UsageCell[] =>
  Object.entries(hash).flatMap(([field, value]) => cellOf(field, value) ?? []);

function cellOf(field: string, value: Buffer): UsageCell | null {
  const [kind, tenant = '', first = '', ...others] = field.split('\0');
  const second = others.join('\0');
  if (kind !== 't' && kind !== 'm') return null;
  const figures = unpacked(value);
  if (kind === 't') return { kind: 'calls', tenant, pool: first, deployment: second, figures };
  const name = second.startsWith('=') ? second.slice(1) : null;
  const isRest = second === '*';
  return { kind: 'metadata', tenant, key: first, value: name, isRest, figures };
}

/** Written out: a month is hundreds of thousands of cells. */
const unpacked = (value: Buffer): UsageFigures => ({
  succeeded: value.readDoubleBE(0),
  failed: value.readDoubleBE(8),
  cancelled: value.readDoubleBE(16),
  expired: value.readDoubleBE(24),
  attempts: value.readDoubleBE(32),
  failedAttempts: value.readDoubleBE(40),
  input: value.readDoubleBE(48),
  cached: value.readDoubleBE(56),
  output: value.readDoubleBE(64),
  reasoning: value.readDoubleBE(72),
  costUsd: value.readDoubleBE(80),
  unpriced: value.readDoubleBE(88),
  unanswered: value.readDoubleBE(96),
});

/** Nothing used. */
export const noUsage = (): UsageFigures => unpacked(NOTHING);

/** Adds figures to `sum`. */
export function addUsage(sum: UsageFigures, more: UsageFigures): void {
  for (const name of FIGURES) sum[name] += more[name];
}
