/**
 * How long answers are, as far as it is known who asks: per pool, tenant in it, batch and class of its lines. From the
 * outcomes that this process records, and what other dispatchers have saved of theirs. Bounded: what was asked longest ago
 * goes first, a batch when it ends.
 */
import type { Waiting } from '@sluice/ledger';
import { afterAnswers, certaintyOf, expectedMean, NEW_LENGTHS } from '@sluice/prediction';
import type { Lengths } from '@sluice/prediction';

/** Whose work it is, as far as the length of its answer may depend on it. */
export interface Asker {
  pool: string;
  tenant: string;
  batch: string | null;
  /** Number of the batch's class; null = of no class, or of one that nobody knows. */
  lineClass: number | null;
}

/** What is known of an answer before it is asked for. */
export interface Likely {
  /** 0 = nothing is known of this asker, towards 1 with each answer. */
  certainty: number;
  /** Mean output tokens; `otherwise` is what would be expected of anybody. */
  mean: (otherwise: number) => number;
}

export const NOTHING_KNOWN: Likely = { certainty: 0, mean: (otherwise) => otherwise };

interface Row {
  lengths: Lengths;
  /** When it last learnt, Unix ms. */
  at: number;
}

/** A row has at most 90 numbers. */
const MOST_ROWS = 1_000;
const OLDEST_MS = 30 * 86_400_000;

export class LengthsBook {
  readonly #rows = new Map<string, Row>();
  readonly #changed = new Set<string>();
  readonly #gone = new Set<string>();
  /** What was last said of whom, and from what. */
  readonly #told = new Map<string, { levels: readonly Lengths[]; likely: Likely }>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Answers of so many output tokens each. */
  answered(asker: Asker, tokens: readonly number[]): void {
    if (tokens.length === 0) return;
    for (const key of levelsOf(asker)) {
      const before = this.#rows.get(key)?.lengths ?? NEW_LENGTHS;
      this.#put(key, { lengths: afterAnswers(before, tokens), at: this.#now() });
      this.#changed.add(key);
    }
  }

  /** The same object for as long as nothing of it has changed: what is reckoned with it may be kept. */
  likely(asker: Asker): Likely {
    const levels = levelsOf(asker).flatMap((key) => this.#rows.get(key)?.lengths ?? []);
    if (levels.length === 0) return NOTHING_KNOWN;
    const key = Object.values(asker).join(' ');
    const told = this.#told.get(key);
    if (told?.levels.length === levels.length && told.levels.every((one, i) => one === levels[i]))
      return told.likely;
    const likely: Likely = {
      certainty: certaintyOf(levels),
      mean: (otherwise) => expectedMean(levels, otherwise),
    };
    if (this.#told.size >= MOST_ROWS) this.#told.clear();
    this.#told.set(key, { levels, likely });
    return likely;
  }

  /** A batch ended: nobody will ask for its lines again. */
  forget(batch: string): void {
    for (const key of this.#rows.keys()) if (key.includes(` ${batch}`)) this.#drop(key);
  }

  /** What is to be written where others read it, since the last time this was asked. */
  takeChanges(): { rows: Record<string, string>; gone: string[] } {
    const rows: Record<string, string> = {};
    for (const key of this.#changed) {
      const row = this.#rows.get(key);
      if (row) rows[key] = textOf(row);
    }
    const gone = [...this.#gone];
    this.#changed.clear();
    this.#gone.clear();
    return { rows, gone };
  }

  /** Takes in what was written, here or elsewhere, where it is newer. What is too old or too much is named in the next changes. */
  takeIn(saved: Readonly<Record<string, string>>): void {
    for (const [key, text] of Object.entries(saved)) {
      // Forgotten here, and not yet there.
      if (this.#gone.has(key)) continue;
      const row = rowOf(text);
      if (row === null || this.#now() - row.at > OLDEST_MS) this.#drop(key);
      else if (row.at > (this.#rows.get(key)?.at ?? 0)) this.#put(key, row);
    }
  }

  #put(key: string, row: Row): void {
    this.#rows.delete(key);
    this.#rows.set(key, row);
    this.#gone.delete(key);
    if (this.#rows.size <= MOST_ROWS) return;
    const [oldest] = this.#rows.keys();
    if (oldest !== undefined) this.#drop(oldest);
  }

  #drop(key: string): void {
    this.#rows.delete(key);
    this.#changed.delete(key);
    this.#gone.add(key);
  }
}

/** The most general first. */
function levelsOf({ pool, tenant, batch, lineClass }: Asker): string[] {
  const whole = [pool, `${pool} ${tenant}`];
  if (batch === null) return whole;
  whole.push(`${pool} ${tenant} ${batch}`);
  if (lineClass !== null) whole.push(`${pool} ${tenant} ${batch} ${lineClass}`);
  return whole;
}

/** Number of the class that a chunk's lines belong to, off its id (`<batch>~<class>.<first>`); null for chunks of retries. */
export function classOfChunk(chunk: string): number | null {
  const match = /~(\d+)\./.exec(chunk);
  return match ? Number(match[1]) : null;
}

/** Who asks with an entry that is placed by itself: a single job, or lines that are tried again. */
export const askerOfEntry = ({ id, pool, tenant, batch }: Waiting): Asker => ({
  pool,
  tenant,
  batch,
  lineClass: classOfChunk(id),
});

const DIGITS = 5;
const short = (value: number): number => Number(value.toPrecision(DIGITS));

const textOf = ({ lengths: { known, mean, buckets }, at }: Row): string =>
  JSON.stringify([at, short(known), short(mean), ...buckets.map(short)]);

function rowOf(text: string): Row | null {
  const [at, known, mean, ...buckets] = JSON.parse(text) as number[];
  if (at === undefined || known === undefined || mean === undefined) return null;
  return { lengths: { known, mean, buckets }, at };
}
