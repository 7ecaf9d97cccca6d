/** What is to happen when, in virtual time. Things of the same moment happen in the order in which they were planned. */

interface Entry {
  at: number;
  order: number;
  run: () => void;
}

export class Agenda {
  readonly #heap: Entry[] = [];
  #order = 0;
  #now = 0;

  /** Virtual ms; never goes back. */
  get now(): number {
    return this.#now;
  }

  get size(): number {
    return this.#heap.length;
  }

  /** Plans something; a moment in the past is now. */
  at(when: number, run: () => void): void {
    this.#order += 1;
    const heap = this.#heap;
    heap.push({ at: Math.max(when, this.#now), order: this.#order, run });
    rise(heap, heap.length - 1);
  }

  /** Goes on to the next thing and does it; false when nothing is planned. */
  step(): boolean {
    const heap = this.#heap;
    const first = heap[0];
    if (first === undefined) return false;
    const last = heap.pop() as Entry;
    if (heap.length > 0) {
      heap[0] = last;
      sink(heap, 0);
    }
    this.#now = first.at;
    first.run();
    return true;
  }
}

const before = (a: Entry, b: Entry): boolean => a.at < b.at || (a.at === b.at && a.order < b.order);

function rise(heap: Entry[], from: number): void {
  let at = from;
  const entry = heap[at] as Entry;
  while (at > 0) {
    const above = (at - 1) >> 1;
    if (!before(entry, heap[above] as Entry)) break;
    heap[at] = heap[above] as Entry;
    at = above;
  }
  heap[at] = entry;
}

function sink(heap: Entry[], from: number): void {
  let at = from;
  const entry = heap[at] as Entry;
  for (;;) {
    let below = at * 2 + 1;
    if (below >= heap.length) break;
    if (below + 1 < heap.length && before(heap[below + 1] as Entry, heap[below] as Entry))
      below += 1;
    if (!before(heap[below] as Entry, entry)) break;
    heap[at] = heap[below] as Entry;
    at = below;
  }
  heap[at] = entry;
}
