/**
 * Lines of a class whose pool keeps each to an arm: how many in a row go alike, and how those of one arm travel together
 * although lines of another stand between them. Nothing here where a pool keeps lines to no arm.
 */
import { lotOfLine } from '@sluice/balancing';
import type { NewChunk } from '@sluice/ledger';
import type { Chooser } from './chooser.ts';
import type { Draining, DrainingClass, Helping } from './draining.ts';

/** Lines in a row that may go to the same deployments. */
export interface Alike {
  lines: number;
  /** Of the first of them; null = they are kept to no arm. */
  lot: number | null;
}

type Arms = Pick<Chooser, 'armOf' | 'eligible'>;

const ownerOf = ({ id }: Pick<Draining, 'id'>, { index }: DrainingClass): string =>
  `${id} ${index}`;

/** The arm that the first line of the class is kept to that is not yet on its way; null = to none. */
export function armOfNext(batch: Draining, one: DrainingClass, chooser: Arms): string | null {
  const { pool, formats, taken } = one;
  const lot = (): number => lotOfLine(ownerOf(batch, one), taken);
  return chooser.armOf(pool, () => ({ lot: lot(), eligible: chooser.eligible(pool, formats) }));
}

/** From the next line on, of up to `most`. */
export function alikeOf(
  { batch, class: one, lines }: Helping,
  chooser: Pick<Chooser, 'armOf'>,
  { most, eligible }: { most: number; eligible: ReadonlySet<string> | null },
): Alike {
  const owner = ownerOf(batch, one);
  const next = one.cursor + lines;
  const armAt = (place: number): string | null =>
    chooser.armOf(one.pool, () => ({ lot: lotOfLine(owner, place), eligible }));
  const arm = armAt(next);
  if (arm === null) return { lines: most, lot: null };
  let alike = 1;
  while (alike < most && armAt(next + alike) === arm) alike += 1;
  return { lines: alike, lot: lotOfLine(owner, next) };
}

interface Going {
  deployment: string;
  insteadOf?: string;
}

/** Chunks of one round that lines of their class and arm may still join. */
export class OpenChunks {
  readonly #open = new Map<string, { chunk: NewChunk; left: number }>();

  /** How many lines of the class may join a chunk that goes there; 0 = a new one is needed. */
  left(of: DrainingClass, going: Going): number {
    return this.#open.get(keyOf(of, going))?.left ?? 0;
  }

  /** As many as are left, at most. */
  join(of: DrainingClass, going: Going, lines: NewChunk['lines']): void {
    const open = this.#open.get(keyOf(of, going));
    if (open === undefined) return;
    open.chunk.lines.push(...lines);
    open.left -= lines.length;
  }

  /** `left`: lines that may join it. */
  add(of: DrainingClass, going: Going, open: { chunk: NewChunk; left: number }): void {
    this.#open.set(keyOf(of, going), open);
  }
}

const keyOf = ({ name }: DrainingClass, { deployment, insteadOf = '' }: Going): string =>
  `${name} ${deployment} ${insteadOf}`;
