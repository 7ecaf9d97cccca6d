/**
 * When work that takes turns will be done: the turns as a fluid (generalised processor sharing, Parekh and Gallager 1993).
 * Bands go strictly in order, tenants of a band by weight, batches of one tenant and band the earliest deadline first.
 * No batch goes faster than it would alone, and no tenant faster than its own limits let it; what it cannot use goes to the others.
 */
import { effectiveWeight } from './turns.ts';

export interface FluidBatch {
  id: string;
  tenant: string;
  weight: number;
  /** Lower goes first. */
  band: number;
  deadlineAt: number;
  createdAt: number;
  /** What it would take with everything to itself, ms. */
  aloneMs: number;
}

/** A band's batches by tenant, the earliest deadline first; those that are done are taken out. */
type Waiting = FluidBatch[][];

/**
 * When each is done, ms from now. `speed`: work that is done at once, ms per ms; more than 1 where batches use different
 * limits. `paces`: by tenant, work of it that its own limits let be done at once; absent = any. O(n × (tenants + batches that
 * move at once)).
 */
export function fluidFinish(
  all: readonly FluidBatch[],
  speed: number,
  paces: ReadonlyMap<string, number> = new Map(),
): Map<string, number> {
  const done = new Map<string, number>();
  const left = new Map(all.map((one) => [one, Math.max(0, one.aloneMs)]));
  const bands = bandsOf(all);
  let now = 0;
  while (left.size > 0) {
    const rates = ratesOf(bands, { speed, paces: new Map(paces) });
    let stepMs = Infinity;
    for (const [{ one }, rate] of rates) stepMs = Math.min(stepMs, (left.get(one) ?? 0) / rate);
    // Nothing moves: only a speed of 0 does that.
    if (stepMs === Infinity) return done;
    now += stepMs;
    for (const [{ one, among }, rate] of rates) {
      const rest = (left.get(one) ?? 0) - stepMs * rate;
      if (rest > 1e-6) left.set(one, rest);
      else {
        left.delete(one);
        among.splice(among.indexOf(one), 1);
        done.set(one.id, now);
      }
    }
  }
  return done;
}

function bandsOf(all: readonly FluidBatch[]): Waiting[] {
  const order = all.toSorted((a, b) => a.deadlineAt - b.deadlineAt || a.createdAt - b.createdAt);
  const bands = new Map<number, Map<string, FluidBatch[]>>();
  for (const one of order) {
    const tenants = bands.get(one.band) ?? new Map<string, FluidBatch[]>();
    bands.set(one.band, tenants);
    const own = tenants.get(one.tenant);
    if (own) own.push(one);
    else tenants.set(one.tenant, [one]);
  }
  return [...bands].toSorted(([a], [b]) => a - b).map(([, tenants]) => [...tenants.values()]);
}

/** A batch that moves, and the list that it is to be taken out of. */
interface Moving {
  one: FluidBatch;
  among: FluidBatch[];
}

/** Ms of work per ms of each that moves now. */
function ratesOf(
  bands: readonly Waiting[],
  { speed, paces }: { speed: number; paces: Map<string, number> },
): Map<Moving, number> {
  const rates = new Map<Moving, number>();
  let left = speed;
  for (const tenants of bands) {
    if (left <= 0) break;
    const open = tenants.filter((batches) => batches.length > 0);
    if (open.length > 0) left -= shared(open, left, { rates, paces });
  }
  return rates;
}

interface Given {
  rates: Map<Moving, number>;
  /** By tenant, what its own limits still let through. */
  paces: Map<string, number>;
}

/** Shares so much among tenants by weight, where none can use more than 1 for each of its batches, nor than its pace; what was used. */
function shared(tenants: Waiting, speed: number, given: Given): number {
  const mostOf = (batches: readonly FluidBatch[]): number =>
    Math.min(batches.length, given.paces.get(batches[0]?.tenant ?? '') ?? Infinity);
  let [open, left] = [tenants, speed];
  for (;;) {
    const each = left / open.reduce((sum, batches) => sum + weightOf(batches), 0);
    const full = open.filter((batches) => mostOf(batches) <= each * weightOf(batches));
    if (full.length === 0) {
      for (const batches of open) inOrder(batches, each * weightOf(batches), given);
      return open.length === 0 ? speed - left : speed;
    }
    for (const batches of full) {
      const most = mostOf(batches);
      inOrder(batches, most, given);
      left -= most;
    }
    open = open.filter((batches) => !full.includes(batches));
  }
}

const weightOf = ([first]: readonly FluidBatch[]): number => effectiveWeight(first?.weight ?? 0);

function inOrder(batches: FluidBatch[], speed: number, { rates, paces }: Given): void {
  let left = speed;
  const tenant = batches[0]?.tenant ?? '';
  const pace = paces.get(tenant);
  if (pace !== undefined) paces.set(tenant, Math.max(0, pace - speed));
  for (const one of batches) {
    const rate = Math.min(1, left);
    if (rate <= 0) return;
    rates.set({ one, among: batches }, rate);
    left -= rate;
  }
}
