/**
 * Which custom_ids a file has used, in about 40 MB for a million lines: hashes and places instead of texts. A hit is
 * only a suspicion, to be settled by reading the earlier line again, so nothing is ever reported falsely.
 */

/** Where a line stands in the input file. */
export interface Place {
  line: number;
  offset: number;
  length: number;
}

export interface CustomIdsOptions {
  expected?: number;
  hash?: (text: string) => number;
}

const SMALLEST = 1024;

export class CustomIds {
  readonly #hash: (text: string) => number;
  #count = 0;
  /** Open addressing: 0 = free, else 1 + the number of the entry. At most half full. */
  #slots: Uint32Array;
  #hashes: Float64Array;
  #offsets: Float64Array;
  #lengths: Uint32Array;
  #lines: Uint32Array;

  /** Room for `expected` ids is made at once (the system gives memory when it is used): growing blocks others. */
  constructor({ expected = 0, hash = hash53 }: CustomIdsOptions = {}) {
    const entries = Math.max(expected, SMALLEST);
    this.#hash = hash;
    this.#slots = new Uint32Array(entries * 2);
    this.#hashes = new Float64Array(entries);
    this.#offsets = new Float64Array(entries);
    this.#lengths = new Uint32Array(entries);
    this.#lines = new Uint32Array(entries);
  }

  /** Adds an id unless an earlier one has its hash; then returns where those are, which may or may not be the same. */
  add(id: string, place: Place): Place[] {
    const hash = this.#hash(id);
    const suspects: Place[] = [];
    let slot = this.#firstSlot(hash);
    for (let entry = this.#slots[slot]; entry !== 0; entry = this.#slots[slot]) {
      if (this.#hashes[entry! - 1] === hash) suspects.push(this.#placeOf(entry! - 1));
      slot = this.#nextSlot(slot);
    }
    if (suspects.length === 0) this.#insert(slot, hash, place);
    return suspects;
  }

  /** Adds an id that turned out to differ from all its suspects. */
  addDifferent(id: string, place: Place): void {
    const hash = this.#hash(id);
    this.#insert(this.#freeSlot(hash), hash, place);
  }

  #firstSlot(hash: number): number {
    return hash % this.#slots.length;
  }

  #nextSlot(slot: number): number {
    return slot + 1 === this.#slots.length ? 0 : slot + 1;
  }

  #freeSlot(hash: number): number {
    let slot = this.#firstSlot(hash);
    while (this.#slots[slot] !== 0) slot = this.#nextSlot(slot);
    return slot;
  }

  #placeOf(entry: number): Place {
    return {
      line: this.#lines[entry]!,
      offset: this.#offsets[entry]!,
      length: this.#lengths[entry]!,
    };
  }

  #insert(slot: number, hash: number, { line, offset, length }: Place): void {
    const entry = this.#count;
    if (entry === this.#hashes.length) this.#growEntries();
    this.#hashes[entry] = hash;
    this.#offsets[entry] = offset;
    this.#lengths[entry] = length;
    this.#lines[entry] = line;
    this.#slots[slot] = entry + 1;
    this.#count += 1;
    if (this.#count * 2 > this.#slots.length) this.#growSlots();
  }

  #growEntries(): void {
    const size = this.#hashes.length * 2;
    this.#hashes = copyInto(new Float64Array(size), this.#hashes);
    this.#offsets = copyInto(new Float64Array(size), this.#offsets);
    this.#lengths = copyInto(new Uint32Array(size), this.#lengths);
    this.#lines = copyInto(new Uint32Array(size), this.#lines);
  }

  #growSlots(): void {
    this.#slots = new Uint32Array(this.#slots.length * 2);
    for (let entry = 0; entry < this.#count; entry += 1) {
      this.#slots[this.#freeSlot(this.#hashes[entry]!)] = entry + 1;
    }
  }
}

function copyInto<T extends Float64Array | Uint32Array>(bigger: T, smaller: T): T {
  bigger.set(smaller);
  return bigger;
}

/** cyrb53 (public domain, by bryc): 53 well-mixed bits of a text. Not against forgery, which costs only time here. */
function hash53(text: string): number {
  let one = 0xdeadbeef;
  let two = 0x41c6ce57;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    one = Math.imul(one ^ unit, 2654435761);
    two = Math.imul(two ^ unit, 1597334677);
  }
  one = Math.imul(one ^ (one >>> 16), 2246822507) ^ Math.imul(two ^ (two >>> 13), 3266489909);
  two = Math.imul(two ^ (two >>> 16), 2246822507) ^ Math.imul(one ^ (one >>> 13), 3266489909);
  return 4294967296 * (2097151 & two) + (one >>> 0);
}
