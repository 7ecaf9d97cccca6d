/**
 * A binary heap whose entries know where they stand: one whose key changed is put right in O(log n). Entries are
 * compared by what they are at the moment, so a key may be changed only together with a call of {@link rearrange}.
 */

/** What may stand in one heap at a time. */
export interface Placed {
  /** Its place in the heap; {@link NOWHERE} outside. Written by the heap alone. */
  place: number;
}

export const NOWHERE = -1;

export interface Heap<T extends Placed> {
  /** Whether `a` goes before `b`. Must be a strict order: of two entries exactly one goes first. */
  readonly before: (a: T, b: T) => boolean;
  readonly entries: T[];
}

export const emptyHeap = <T extends Placed>(before: (a: T, b: T) => boolean): Heap<T> => ({
  before,
  entries: [],
});

export const first = <T extends Placed>({ entries }: Heap<T>): T | undefined => entries[0];

export function insert<T extends Placed>(heap: Heap<T>, entry: T): void {
  entry.place = heap.entries.length;
  heap.entries.push(entry);
  rise(heap, entry);
}

/** Takes out an entry wherever it stands; one that is not there is none. */
export function remove<T extends Placed>(heap: Heap<T>, entry: T): void {
  const { place } = entry;
  if (heap.entries[place] !== entry) return;
  const last = heap.entries.pop() as T;
  entry.place = NOWHERE;
  if (last === entry) return;
  heap.entries[place] = last;
  last.place = place;
  rearrange(heap, last);
}

/** Puts an entry right whose key has changed; one that is not there is none. */
export function rearrange<T extends Placed>(heap: Heap<T>, entry: T): void {
  if (heap.entries[entry.place] !== entry) return;
  rise(heap, entry);
  sink(heap, entry);
}

/** All entries in order, found as they are asked for: the k-th costs O(log k). The heap must not change meanwhile. */
export function* inOrder<T extends Placed>({ before, entries }: Heap<T>): Generator<T> {
  const frontier = emptyHeap<Placed & { index: number }>((a, b) =>
    before(entries[a.index] as T, entries[b.index] as T),
  );
  const meet = (index: number): void => {
    if (index < entries.length) insert(frontier, { index, place: NOWHERE });
  };
  meet(0);
  for (let next = first(frontier); next !== undefined; next = first(frontier)) {
    remove(frontier, next);
    meet(2 * next.index + 1);
    meet(2 * next.index + 2);
    yield entries[next.index] as T;
  }
}

function rise<T extends Placed>({ entries, before }: Heap<T>, entry: T): void {
  let at = entry.place;
  while (at > 0) {
    const parent = (at - 1) >> 1;
    const above = entries[parent] as T;
    if (!before(entry, above)) break;
    put(entries, above, at);
    at = parent;
  }
  put(entries, entry, at);
}

function sink<T extends Placed>({ entries, before }: Heap<T>, entry: T): void {
  let at = entry.place;
  for (;;) {
    let child = 2 * at + 1;
    if (child >= entries.length) break;
    const other = entries[child + 1];
    if (other !== undefined && before(other, entries[child] as T)) child += 1;
    const below = entries[child] as T;
    if (!before(below, entry)) break;
    put(entries, below, at);
    at = child;
  }
  put(entries, entry, at);
}

function put<T extends Placed>(entries: T[], entry: T, place: number): void {
  entries[place] = entry;
  entry.place = place;
}
