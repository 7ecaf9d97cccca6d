/**
 * When work that takes turns will be done: the turns as a fluid (generalised processor sharing, Parekh and Gallager 1993).
 * Bands go strictly in order, tenants of a band by weight, batches of one tenant and band the earliest deadline first.
 * No batch goes faster than it would alone; what it cannot use goes to the others.
 */
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

/**
 * When each is done, ms from now. `speed`: work that is done at once, ms per ms; more than 1 where batches use different
 * limits. O(n²) in the number of batches.
 */
export function fluidFinish(all: readonly FluidBatch[], speed: number): Map<string, number> {
  const done = new Map<string, number>();
  const order = all.toSorted((a, b) => a.deadlineAt - b.deadlineAt || a.createdAt - b.createdAt);
  const left = new Map(order.map((one) => [one, Math.max(0, one.aloneMs)]));
  let now = 0;
  while (left.size > 0) {
    const rates = ratesOf([...left.keys()], speed);
    let stepMs = Infinity;
    for (const [one, rate] of rates) stepMs = Math.min(stepMs, (left.get(one) ?? 0) / rate);
    // Nothing moves: only a speed of 0 does that.
    if (stepMs === Infinity) return done;
    now += stepMs;
    for (const [one, rate] of rates) {
      const rest = (left.get(one) ?? 0) - stepMs * rate;
      if (rest > 1e-6) left.set(one, rest);
      else {
        left.delete(one);
        done.set(one.id, now);
      }
    }
  }
  return done;
}

/** Ms of work per ms of each that moves now. */
function ratesOf(waiting: readonly FluidBatch[], speed: number): Map<FluidBatch, number> {
  const rates = new Map<FluidBatch, number>();
  let left = speed;
  for (const band of new Set(waiting.map((one) => one.band).toSorted((a, b) => a - b))) {
    if (left <= 0) break;
    const tenants = new Map<string, FluidBatch[]>();
    for (const one of waiting)
      if (one.band === band) tenants.set(one.tenant, [...(tenants.get(one.tenant) ?? []), one]);
    left -= shared([...tenants.values()], left, rates);
  }
  return rates;
}

/** Shares so much among tenants by weight, where none can use more than 1 for each of its batches; what was used. */
function shared(tenants: FluidBatch[][], speed: number, rates: Map<FluidBatch, number>): number {
  let [open, left] = [tenants, speed];
  for (;;) {
    const weights = open.reduce((sum, [first]) => sum + (first?.weight ?? 0), 0);
    const each = left / weights;
    const full = open.filter((batches) => batches.length <= each * (batches[0]?.weight ?? 0));
    if (full.length === 0) {
      for (const batches of open) inOrder(batches, each * (batches[0]?.weight ?? 0), rates);
      return open.length === 0 ? speed - left : speed;
    }
    for (const batches of full) {
      inOrder(batches, batches.length, rates);
      left -= batches.length;
    }
    open = open.filter((batches) => !full.includes(batches));
  }
}

function inOrder(
  batches: readonly FluidBatch[],
  speed: number,
  rates: Map<FluidBatch, number>,
): void {
  let left = speed;
  for (const one of batches) {
    const rate = Math.min(1, left);
    if (rate <= 0) return;
    rates.set(one, rate);
    left -= rate;
  }
}
