/** The chunks that lines of batches become in one round of feeding. Pure. */
import type { IndexRecord } from '@sluice/files';
import { chunkOf, lineOf } from './draining.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';
import { OpenChunks } from './kept-lines.ts';
import type { Taking } from './placing-lines.ts';

/** Chunks of one script call: bounded, so that no call holds Redis for long. */
const MOST_CHUNKS = 64;

export class RoundChunks {
  readonly #helpings = new Map<DrainingClass, Helping>();
  readonly #open = new OpenChunks();

  get helpings(): Helping[] {
    return [...this.#helpings.values()];
  }

  /** The next line of a class; undefined: none is read, or the round has as many chunks of it as go in one call. */
  headOf(one: DrainingClass): IndexRecord | undefined {
    const begun = this.#helpings.get(one);
    if (begun && begun.chunks.length >= MOST_CHUNKS) return undefined;
    return one.ahead[begun?.lines ?? 0];
  }

  /** The next lines of a class, at most so many. */
  nextOf(one: DrainingClass, most: number): IndexRecord[] {
    const from = this.#helpings.get(one)?.lines ?? 0;
    return one.ahead.slice(from, from + most);
  }

  /** What the round has of a class so far. */
  helpingOf(batch: Draining, one: DrainingClass): Helping {
    return this.#helpings.get(one) ?? { batch, class: one, chunks: [], lines: 0 };
  }

  /** Takes as many of those alike as may travel together. */
  take(helping: Helping, taking: Taking, now: number): number {
    const { class: one } = helping;
    const { choice, alike, key } = taking;
    const left = alike.lot === null ? 0 : this.#open.left(one, choice);
    const most = Math.min(alike.lines, choice.jobs, left || Infinity);
    const records = one.ahead.slice(helping.lines, helping.lines + most);
    if (left > 0) this.#open.join(one, choice, records.map(lineOf));
    else this.#begin(helping, taking, { records, now });
    helping.lines += records.length;
    one.taken += records.length;
    one.key = key;
    this.#helpings.set(one, helping);
    return records.length;
  }

  #begin(
    { batch, class: one, chunks, lines }: Helping,
    { choice, alike: { lot }, key, expects }: Taking,
    { records, now }: { records: IndexRecord[]; now: number },
  ): void {
    const at = one.cursor + lines;
    const chunk = chunkOf(batch, one, { records, at, choice, key, expects, lot, now });
    chunks.push(chunk);
    if (lot !== null) this.#open.add(one, choice, { chunk, left: choice.jobs - records.length });
  }
}
