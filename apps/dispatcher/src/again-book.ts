/**
 * Lines that were fed before and are to be placed again, of batches with a ceiling: where they may go, and those that wait for what
 * is left of it. They are not asked for anew before it is looked up again, so that they hold up nobody.
 */
import type { Waiting } from '@sluice/ledger';
import type { Chooser } from './chooser.ts';
import type { Draining } from './draining.ts';
import { shapeOf } from './entry-wanted.ts';
import { noteFed, noteLeft } from './fed-lines.ts';
import { NOWHERE, paidAgain } from './paid-again.ts';
import type { PaidAgain } from './paid-again.ts';
import type { Picture } from './picture.ts';
import { cheapestUsd } from './price-steps.ts';
import { meanLine, mostUsdAt } from './priced-lines.ts';

/** Entries of a batch that are asked for anew each time its ceiling is looked at. */
const MOST_AT_ONCE = 64;

export interface AgainPorts {
  picture: Picture;
  chooser: Pick<Chooser, 'membersOf'>;
  /** A batch that is being drained. */
  find: (batch: string) => Draining | undefined;
  /** Lines of the batch that were fed and wait for another place. */
  waits: (batch: string) => number;
  /** These entries may be placed by now. */
  release: (ids: readonly string[]) => void;
}

/** What waits: lines, and what they cost at most where they are cheapest, US dollars. */
export interface Held {
  lines: number;
  usd: number;
}

export class AgainBook {
  readonly #ports: AgainPorts;
  /** By batch and entry. */
  readonly #held = new Map<string, Map<string, Held>>();
  readonly #resting = new Set<string>();
  /** All batches that were open when the term began are read. */
  #allRead = false;

  constructor(ports: AgainPorts) {
    this.#ports = ports;
  }

  /** Null = wherever there is room. */
  paid(waiting: Waiting): PaidAgain | null {
    const { batch: id, pool, jobs: lines, deployment: from } = waiting;
    if (id === null) return null;
    if (this.#resting.has(id)) return NOWHERE;
    const { picture, chooser, find, waits } = this.#ports;
    const batch = find(id);
    // It may have a ceiling that this leader has not read yet.
    if (batch === undefined && !this.#allRead) return NOWHERE;
    if (!batch?.ceiling) return null;
    const shape = shapeOf(waiting);
    const members = chooser.membersOf(pool);
    const places = members.map((each) => ({ id: each, mostUsd: mostUsdAt(picture, each, shape) }));
    const about = { fed: batch.fed, waits: waits(id), mostUsd: this.#mostUsd(batch) };
    const paid = paidAgain(batch.ceiling, about, { lines, from, places });
    return paid.among.size === places.length ? null : paid;
  }

  /** It waits for what is left of its batch's ceiling, or until that is read. */
  hold(waiting: Waiting): void {
    const { id, batch, pool, jobs: lines } = waiting;
    if (batch === null) return;
    const { chooser, picture } = this.#ports;
    const shape = shapeOf(waiting);
    const each = cheapestUsd(
      chooser.membersOf(pool).map((member) => ({ mostUsd: mostUsdAt(picture, member, shape) })),
    );
    const held = this.#held.get(batch) ?? new Map<string, Held>();
    this.#held.set(batch, held.set(id, { lines, usd: lines * each }));
  }

  /** What of the batch waits so, in all; null = nothing. */
  heldOf(batch: string): Held | null {
    const held = this.#held.get(batch);
    if (!held) return null;
    const sum: Held = { lines: 0, usd: 0 };
    for (const { lines, usd } of held.values()) {
      sum.lines += lines;
      sum.usd += usd;
    }
    return sum;
  }

  /** Whether lines of the batch wait for what is left of its ceiling. */
  holds(batch: string): boolean {
    return this.#held.has(batch);
  }

  /** It is being placed there: that is kept for it from now on. */
  placed(waiting: Waiting, deployment: string): void {
    const ceiling = this.#ceilingOf(waiting);
    if (!ceiling) return;
    const usd = mostUsdAt(this.#ports.picture, deployment, shapeOf(waiting));
    noteFed(ceiling.fed, deployment, usd, waiting.jobs);
  }

  /** It has left where it was. */
  moved(waiting: Waiting): void {
    const ceiling = this.#ceilingOf(waiting);
    if (ceiling && waiting.deployment !== '')
      noteLeft(ceiling.fed, waiting.deployment, waiting.jobs);
  }

  /** A batch with a ceiling is paused: nothing of it is placed again before it goes on. */
  rest(batch: string): void {
    this.#resting.add(batch);
  }

  /** It goes on, or ends. */
  goOn(batch: string): void {
    this.#resting.delete(batch);
    this.#release(batch, Infinity);
  }

  /** Of every open batch it is known now whether it has a ceiling: those that nobody drains have none to keep to. */
  allRead(): void {
    this.#allRead = true;
    const { find } = this.#ports;
    for (const batch of this.#held.keys())
      if (!this.#resting.has(batch) && find(batch) === undefined) this.#release(batch, Infinity);
  }

  /** More may be left of its ceiling. */
  look(batch: string): void {
    if (!this.#resting.has(batch)) this.#release(batch, MOST_AT_ONCE);
  }

  #release(batch: string, most: number): void {
    const held = this.#held.get(batch);
    if (!held) return;
    const some = [...held.keys()].slice(0, most);
    for (const id of some) held.delete(id);
    if (held.size === 0) this.#held.delete(batch);
    this.#ports.release(some);
  }

  #ceilingOf = ({ batch }: Waiting): Draining['ceiling'] =>
    (batch === null ? null : this.#ports.find(batch)?.ceiling) ?? null;

  /** Of a line of it, wherever it is. */
  #mostUsd({ classes }: Draining): number {
    const { chooser, picture } = this.#ports;
    const each = classes.flatMap(({ pool, of }) =>
      of.jobs === 0
        ? []
        : chooser.membersOf(pool).map((id) => mostUsdAt(picture, id, meanLine(of))),
    );
    return Math.max(0, ...each);
  }
}
