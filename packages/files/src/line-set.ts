/** A growing bitmap of line numbers: 125 KB for a batch of a million lines. */
export class LineSet {
  #bits = new Uint8Array(1024);
  #count = 0;

  /** How many different lines are in it. */
  get count(): number {
    return this.#count;
  }

  has(line: number): boolean {
    return ((this.#bits[line >>> 3] ?? 0) & (1 << (line & 7))) !== 0;
  }

  /** Puts a line (0 … 2³² − 1) in; says whether it was new. */
  add(line: number): boolean {
    if (this.has(line)) return false;
    const at = line >>> 3;
    if (at >= this.#bits.length) this.#grow(at + 1);
    this.#bits[at] = (this.#bits[at] as number) | (1 << (line & 7));
    this.#count += 1;
    return true;
  }

  #grow(atLeast: number): void {
    const bits = new Uint8Array(Math.max(atLeast, this.#bits.length * 2));
    bits.set(this.#bits);
    this.#bits = bits;
  }
}
