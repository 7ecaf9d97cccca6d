/**
 * What a batch's lines that were fed may cost at most, by where they went. Which of them have ended is not known, only how many
 * have, and how many each deployment has answered: so of each deployment the dearest count as under way. Pure.
 */

/** Since none was under way. */
export interface FedLines {
  /** By deployment, then by what one of them costs at most, US dollars: lines. */
  readonly at: Map<string, Map<number, number>>;
  /** Lines that were under way before anybody counted: where, nobody knows. */
  unknown: number;
  /** By deployment, lines answered before. */
  answered: Readonly<Record<string, number>>;
}

export interface UnderWay {
  /** At most, US dollars, of all and by deployment. */
  usd: number;
  at: ReadonlyMap<string, number>;
}

export const nothingFed = (answered: FedLines['answered'], unknown = 0): FedLines => ({
  at: new Map(),
  unknown,
  answered,
});

/** Two digits, rounded up: so there are few prices, however different the lines. */
function roundedUp(usd: number): number {
  if (usd <= 0) return 0;
  const unit = 10 ** (Math.floor(Math.log10(usd)) - 1);
  return Math.ceil(usd / unit - 1e-9) * unit;
}

/** A line was fed, or fed lines were moved there. */
export function noteFed(fed: FedLines, deployment: string, usd: number, lines = 1): void {
  const prices = fed.at.get(deployment) ?? new Map<number, number>();
  fed.at.set(deployment, prices);
  const price = roundedUp(usd);
  prices.set(price, (prices.get(price) ?? 0) + lines);
}

/** So many of them have gone elsewhere: the cheapest there, and of those of which nobody knows where they are. */
export function noteLeft(fed: FedLines, deployment: string, lines: number): void {
  const prices = fed.at.get(deployment) ?? new Map<number, number>();
  let left = lines;
  for (const [price, some] of [...prices].toSorted(([a], [b]) => a - b)) {
    const gone = Math.min(left, some);
    left -= gone;
    if (gone < some) prices.set(price, some - gone);
    else prices.delete(price);
  }
  fed.unknown = Math.max(0, fed.unknown - left);
}

export const copyOf = ({ at, ...rest }: FedLines): FedLines => ({
  ...rest,
  at: new Map([...at].map(([id, prices]) => [id, new Map(prices)])),
});

interface Row {
  deployment: string;
  usd: number;
  lines: number;
}

/**
 * What `out` lines that are under way may cost. `answered`: by deployment, when that was counted; `mostUsd`: what one of them costs
 * where nobody knows.
 */
export function underWay(
  fed: FedLines,
  { out, answered, mostUsd }: { out: number; answered: FedLines['answered']; mostUsd: number },
): UnderWay {
  const at = new Map<string, number>();
  const sum: { usd: number; at: ReadonlyMap<string, number> } = { usd: 0, at };
  let left = out;
  for (const { deployment, usd, lines } of rowsOf(fed, { answered, mostUsd })) {
    if (left <= 0) break;
    const some = Math.min(left, lines);
    left -= some;
    sum.usd += some * usd;
    at.set(deployment, (at.get(deployment) ?? 0) + some * usd);
  }
  // More than should be: some were answered elsewhere.
  if (left > 0) sum.usd += left * mostUsd;
  return sum;
}

/** The dearest first. */
function rowsOf(
  { at, unknown, answered: before }: FedLines,
  { answered, mostUsd }: { answered: FedLines['answered']; mostUsd: number },
): Row[] {
  const rows: Row[] = unknown > 0 ? [{ deployment: '', usd: mostUsd, lines: unknown }] : [];
  for (const [deployment, prices] of at) {
    let open = -((answered[deployment] ?? 0) - (before[deployment] ?? 0));
    for (const lines of prices.values()) open += lines;
    for (const [usd, lines] of [...prices].toSorted(([a], [b]) => b - a)) {
      const some = Math.min(open, lines);
      if (some <= 0) break;
      rows.push({ deployment, usd, lines: some });
      open -= some;
    }
  }
  return rows.toSorted((a, b) => b.usd - a.usd);
}
