/** Finds the known name that a mistyped one most likely stands for. */

/** Edits (insert, delete, replace, swap neighbours) between two words; optimal string alignment. */
export function editDistance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) row.push(cell({ a, b, i, j, rows, row }));
    rows.push(row);
  }
  return rows[a.length]?.[b.length] as number;
}

function cell(at: {
  a: string;
  b: string;
  i: number;
  j: number;
  rows: number[][];
  row: number[];
}): number {
  const { a, b, i, j, rows, row } = at;
  const above = rows[i - 1] as number[];
  const replace = (above[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1);
  const best = Math.min((above[j] as number) + 1, (row[j - 1] as number) + 1, replace);
  const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
  return swapped ? Math.min(best, (rows[i - 2]?.[j - 2] as number) + 1) : best;
}

/** Fewer letters are the beginning of too much. */
const SHORTEST_BEGINNING = 3;

/**
 * The nearest of `known`, or null when none is near: at most a third of the longer word's letters may be wrong, or the one
 * begins with the other (`alias`, `spill`).
 */
export function didYouMean(word: string, known: readonly string[]): string | null {
  let best: string | null = null;
  let least = Infinity;
  for (const name of known) {
    const [a, b] = [word.toLowerCase(), name.toLowerCase()];
    const distance = editDistance(a, b);
    const near = distance <= Math.floor(Math.max(a.length, b.length) / 3) || isBeginning(a, b);
    if (near && distance < least) [best, least] = [name, distance];
  }
  return best;
}

const isBeginning = (a: string, b: string): boolean =>
  Math.min(a.length, b.length) >= SHORTEST_BEGINNING && (a.startsWith(b) || b.startsWith(a));
