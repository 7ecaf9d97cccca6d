/** Rows of a linear program, written one entry after the other: the form the solver takes, without lists in between. */
import type { ModelData } from 'highs';

type Rows = Pick<ModelData, 'numRows' | 'rowLower' | 'rowUpper' | 'matrix'>;

export class SparseRows {
  readonly #numCols: number;
  readonly #starts = [0];
  readonly #indices: number[] = [];
  readonly #values: number[] = [];
  readonly #lower: number[] = [];
  readonly #upper: number[] = [];

  constructor(numCols: number) {
    this.#numCols = numCols;
  }

  /** An entry of the row that is being written; each column at most once. */
  put(column: number, value: number): void {
    this.#indices.push(column);
    this.#values.push(value);
  }

  /** Ends the row; its index. */
  end(lower: number, upper: number): number {
    this.#lower.push(lower);
    this.#upper.push(upper);
    return this.#starts.push(this.#indices.length) - 2;
  }

  finished(): Rows {
    const numRows = this.#lower.length;
    return {
      numRows,
      rowLower: this.#lower,
      rowUpper: this.#upper,
      matrix: {
        format: 'csr',
        numRows,
        numCols: this.#numCols,
        starts: this.#starts,
        indices: this.#indices,
        values: this.#values,
      },
    };
  }
}
