/**
 * From the plan in force: when each batch will be done. Also pauses a batch that has spent its `max_cost_usd`.
 */
import { sharesOf } from '@sluice/balancing';
import { isUrgent, urgencyOf } from '@sluice/fairness';
import { membersOf } from '@sluice/job';
import { moveBatch, readBatch } from '@sluice/ledger';
import type { Ledger, StoredBatch } from '@sluice/ledger';
import type { AgainBook } from './again-book.ts';
import type { AloneBook } from './alone-book.ts';
import { unfedOf } from './draining.ts';
import type { Draining } from './draining.ts';
import { TAIL_MS } from './due.ts';
import { etaAt, inTurns, USUAL_RATIO } from './eta.ts';
import type { DispatcherEvents } from './events.ts';
import type { Feeder } from './feeder.ts';
import type { PlanBook } from './plan-book.ts';
import { paidLines } from './paid-lines.ts';
import { partsOf } from './class-parts.ts';
import { placements } from './class-places.ts';
import { savesMoney } from './saving-pools.ts';
import type { ProblemPorts } from './plan-problem.ts';
import { shapedEnds } from './tenant-work.ts';
import type { TenantPorts } from './tenant-work.ts';

export interface PlannerPorts extends ProblemPorts {
  ledger: Ledger;
  feeder: Pick<
    Feeder,
    'batches' | 'draining' | 'find' | 'recorded' | 'remove' | 'setAside' | 'settle' | 'setUrgent'
  >;
  book: Pick<PlanBook, 'plan' | 'madeAt'>;
  alone: Pick<AloneBook, 'look' | 'aloneMs' | 'isStuck'>;
  again: Pick<AgainBook, 'heldOf'>;
  limited: TenantPorts;
  /** Of a tenant, in turns. */
  weightOf: (tenant: string) => number;
  events: DispatcherEvents;
}

/** One round over the batches being drained: estimates, spending limits, and what other dispatchers recorded. */
export async function planRound(ports: PlannerPorts): Promise<void> {
  const { ledger, feeder } = ports;
  const read = await Promise.all(feeder.batches.map((id) => readBatch(ledger, id)));
  const draining: StoredBatch[] = [];
  for (const batch of read) {
    if (!batch) continue;
    feeder.recorded(batch.id, batch.completed + batch.failed);
    feeder.settle(batch);
    if (batch.status !== 'in_progress' || batch.paused) await setAside(ports, batch);
    else if (!(await pausedForCost(ports, batch))) draining.push(batch);
  }
  const shaped = await shapedEnds(
    ports,
    draining.flatMap(({ id }) => feeder.find(id) ?? []),
  );
  const turns = await turnsOf(ports, draining, shaped);
  const etas = new Map<string, number | null>();
  await Promise.all(
    draining.map(async (batch) => {
      const eta = etaNow(ports, batch, { turns, shaped });
      const told = eta === undefined ? {} : { eta_at: eta, ...paidOf(ports, batch) };
      const set = { ...told, ...unpaidOf(ports, batch) };
      if (Object.keys(set).length > 0)
        await moveBatch(ledger, batch.id, { from: ['in_progress'], set });
      if (eta !== undefined) etas.set(batch.id, eta);
    }),
  );
  tellUrgent(ports, draining, etas);
}

/** What is told of its ceiling: lines that are fed have what they may cost kept for them. */
function paidOf(ports: PlannerPorts, { id, maxCostUsd }: StoredBatch) {
  const own = ports.feeder.find(id);
  if (maxCostUsd === null || !own) return {};
  const paid = paidLines(ports, own);
  const leftOut = paid?.leftOut ?? [];
  return {
    paid_lines: paid && own.fed + Math.floor(paid.lines),
    unpaid_at: leftOut.length > 0 ? JSON.stringify(leftOut) : null,
  };
}

/** What is told of its lines that are to be placed again and wait for what is left of its ceiling, where that has changed. */
function unpaidOf(ports: PlannerPorts, { id, unpaidAgain: before }: StoredBatch) {
  const held = ports.again.heldOf(id);
  if (held?.lines === before?.lines && held?.usd === before?.usd) return {};
  return { unpaid_lines: held && held.lines, unpaid_usd: held && held.usd };
}

/** A tenant's lines go first in it, and not below `normal`, while one of its batches would miss its deadline. */
function tellUrgent(
  { feeder, now }: PlannerPorts,
  batches: readonly StoredBatch[],
  etas: ReadonlyMap<string, number | null>,
): void {
  const urgent = new Map<string, boolean>();
  for (const { id, tenant, priority, expiresAt } of batches) {
    const key = `${priority} ${tenant}`;
    const remainingMs = (etas.get(id) ?? now()) - now();
    const late = isUrgent(urgencyOf({ remainingMs, deadlineAt: expiresAt }, now()), false);
    urgent.set(key, late || (urgent.get(key) ?? false));
  }
  for (const { tenant, priority } of batches)
    feeder.setUrgent({ tenant, priority }, urgent.get(`${priority} ${tenant}`) ?? false);
}

/**
 * When each of several batches has its last line placed, ms from now. A batch alone goes by the plan, and all do while one
 * of them cannot be estimated. Until its turn to be estimated anew comes, what T* was at the start stands for it.
 */
async function turnsOf(
  ports: PlannerPorts,
  batches: readonly StoredBatch[],
  shaped: ReadonlyMap<string, number>,
): Promise<ReadonlyMap<string, number>> {
  const { feeder, alone, book, now, weightOf } = ports;
  const stored = new Map(batches.map((batch) => [batch.id, batch]));
  const draining = feeder.draining.filter(({ id, planned }) => planned && stored.has(id));
  await alone.look(draining.length > 1 ? draining : draining.filter((one) => isKept(ports, one)));
  const going = draining.filter((batch) => !alone.isStuck(batch));
  if (going.length < 2 || book.plan === null) return new Map();
  const known = going.flatMap((batch) => {
    const aloneMs = alone.aloneMs(batch) ?? atStart(stored.get(batch.id), batch);
    return aloneMs === null ? [] : [{ ...ofTurns(batch), aloneMs }];
  });
  if (known.length < going.length) return new Map();
  const togetherMs = book.madeAt + book.plan.fleetMs - now();
  return inTurns(known, { togetherMs, weightOf, shaped });
}

function atStart(stored: StoredBatch | undefined, { classes }: Draining): number | null {
  if (!stored || stored.idealMs === null) return null;
  const unfed = classes.reduce((sum, one) => sum + unfedOf(one), 0);
  return (stored.idealMs * unfed) / Math.max(1, stored.total);
}

/**
 * Unix ms; null = some of its lines have nobody who takes them; undefined = what it says of itself stands: its first estimate, until it
 * has been planned for.
 */
function etaNow(
  ports: PlannerPorts,
  batch: StoredBatch,
  about: Record<'turns' | 'shaped', ReadonlyMap<string, number>>,
): number | null | undefined {
  if (ports.feeder.find(batch.id)?.planned)
    return isStuck(ports, batch) ? null : stillAhead(ports, batch, etaOf(ports, batch, about));
  const { etaAt: first } = batch;
  const ahead = first === null ? null : stillAhead(ports, batch, first);
  return ahead === first ? undefined : ahead;
}

/**
 * No estimate that will have passed before the next is made: then all is called and waits for answers, which the plan knows nothing of.
 * What was said before stands as long as it is ahead, else they take as long as others did.
 */
function stillAhead(
  { fleet, picture, now }: PlannerPorts,
  batch: StoredBatch,
  eta: number,
): number {
  const soon = now() + TAIL_MS;
  if (eta >= soon || batch.completed + batch.failed >= batch.total) return eta;
  const busy = batch.classes
    .flatMap(({ pool }) => membersOf(fleet, pool) ?? [])
    .flatMap((id) => picture.load(id) ?? [])
    .filter(({ inFlight }) => inFlight > 0);
  const means = busy.map(({ meanLatencyMs }) => Math.round(now() + (meanLatencyMs ?? 0)));
  const usual = Math.max(soon, ...means);
  return batch.etaAt !== null && batch.etaAt >= soon ? Math.min(batch.etaAt, usual) : usual;
}

/** What turns go by, of a batch. */
export const ofTurns = ({ id, tenant, band, expiresAt, createdAt }: Draining) => ({
  id,
  tenant,
  band,
  expiresAt,
  createdAt,
});

/** Unix ms, of the last line that its ceiling pays for. Where there is no plan, as long as it was to take at the start. */
function etaOf(
  ports: PlannerPorts,
  batch: StoredBatch,
  { turns, shaped }: Record<'turns' | 'shaped', ReadonlyMap<string, number>>,
): number {
  const { fleet, feeder, book, alone, now } = ports;
  const { plan, madeAt } = book;
  const own = feeder.find(batch.id);
  if (plan === null)
    return Math.round(now() + (own ? (atStart(batch, own) ?? 0) : 0) * USUAL_RATIO);
  const eta = etaAt({
    plan,
    madeAt,
    now: now(),
    classes: (own?.classes ?? []).map(({ planId }) => planId),
    expiresAt: batch.expiresAt,
    // What waits for what is cheap goes by the plan's time, not as fast as it can.
    inTurnsMs: batch.classes.some(({ pool }) => savesMoney(fleet, pool))
      ? null
      : (turns.get(batch.id) ?? null),
    keptMs: own && isKept(ports, own) ? (alone.aloneMs(own) ?? 0) : 0,
  });
  // No sooner than its tenant's own limits let it through, over all that waits of that tenant, and than its ceiling does.
  const ceilingMs = (own && paidLines(ports, own)?.ms) ?? 0;
  return Math.max(eta, Math.round(now() + Math.max(shaped.get(batch.id) ?? 0, ceilingMs)));
}

/** Whether it has lines that are kept to arms. */
const isKept = ({ fleet }: Pick<PlannerPorts, 'fleet'>, { classes }: Draining): boolean =>
  classes.some(({ pool }) => {
    const found = fleet.pools.get(pool);
    return found !== undefined && sharesOf(found, null) !== null;
  });

/**
 * Nothing of it drains any more, so nobody knows when it will be done. Looked after at once: whoever resumed it since it was
 * read asked for that while it still seemed to drain.
 */
async function setAside({ ledger, feeder, now }: PlannerPorts, batch: StoredBatch): Promise<void> {
  const { id, paused, status } = batch;
  if (paused && status === 'in_progress') feeder.setAside(batch);
  else feeder.remove(id);
  await moveBatch(ledger, id, { from: ['in_progress'], set: { eta_at: null }, checkAt: now() });
}

/** Some of its lines have no deployment that takes calls now. */
function isStuck(ports: PlannerPorts, batch: StoredBatch): boolean {
  const open = batch.total - batch.completed - batch.failed;
  const unfed = batch.classes.map((one, i) => one.jobs - (batch.cursors[i] ?? 0));
  const fed = open - unfed.reduce((sum, lines) => sum + Math.max(0, lines), 0);
  return batch.classes.some((one, i) => {
    if (fed <= 0 && (unfed[i] ?? 0) <= 0) return false;
    return partsOf(ports, one).some(
      ({ arm }) =>
        !Object.keys(placements(ports, one, { ...batch, arm })).some((id) => ports.usable(id)),
    );
  });
}

async function pausedForCost(ports: PlannerPorts, batch: StoredBatch): Promise<boolean> {
  if (batch.maxCostUsd === null || batch.costUsd < batch.maxCostUsd) return false;
  const reason = `max_cost_usd reached: ${batch.costUsd.toFixed(4)} of ${batch.maxCostUsd}; POST /v1/batches/${batch.id}/resume goes on without that limit, or with a higher one given as max_cost_usd`;
  const moved = await moveBatch(ports.ledger, batch.id, {
    from: ['in_progress'],
    as: { paused: false, maxCostUsd: batch.maxCostUsd },
    set: { paused: '1', paused_reason: reason, eta_at: null },
  });
  if (moved.kind !== 'moved') {
    // Since it was read its owner has paused it, or has given leave to spend more; or this pause was sent again.
    const found = await readBatch(ports.ledger, batch.id);
    if (found?.pausedReason !== reason) return false;
  }
  ports.feeder.setAside(batch);
  ports.events.batchPaused({ batch: batch.id, reason });
  return true;
}
