/**
 * Estimates for batches: T*, the best possible drain time of what is left (linear program over classes × deployments), and
 * from it when each will be done. Also pauses a batch that has spent its `max_cost_usd`.
 */
import type { Fleet, Shape } from '@sluice/job';
import { moveBatch, readBatch } from '@sluice/ledger';
import type { BatchClass, Ledger, StoredBatch } from '@sluice/ledger';
import { idealDrain } from '@sluice/planning';
import type { DrainProblem, JobClass } from '@sluice/planning';
import type { DispatcherEvents } from './events.ts';
import type { Feeder } from './feeder.ts';
import type { Picture } from './picture.ts';

export interface PlannerPorts {
  ledger: Ledger;
  fleet: Fleet;
  picture: Picture;
  feeder: Pick<Feeder, 'batches' | 'recorded' | 'remove'>;
  events: DispatcherEvents;
  eligible: (pool: string, formats: number) => ReadonlySet<string> | null;
  usable: (deployment: string) => boolean;
  now: () => number;
}

/** A second's rate, as strict providers start with. */
const BURST_MS = 1_000;
/** Pacing margin, the fill of the pipeline and retries: what a drain usually takes beyond T*. */
const USUAL_RATIO = 1.05;

/** What is left to do of a batch, as classes of a drain problem. */
function remaining(ports: PlannerPorts, batch: StoredBatch): JobClass[] {
  const open = Math.max(0, batch.total - batch.completed - batch.failed);
  const unfed = batch.classes.map((one, i) => Math.max(0, one.jobs - (batch.cursors[i] ?? 0)));
  const allUnfed = unfed.reduce((sum, jobs) => sum + jobs, 0);
  const fedShare = batch.total > 0 ? Math.max(0, open - allUnfed) / batch.total : 0;
  return batch.classes.map((one, i) => ({
    id: `${batch.id} ${i}`,
    jobs: (unfed[i] as number) + one.jobs * fedShare,
    deployments: placements(ports, one),
  }));
}

function placements(ports: PlannerPorts, one: BatchClass): JobClass['deployments'] {
  const pool = ports.fleet.pools.get(one.pool);
  const tiers = pool?.tiers ?? [[one.pool.slice('deployment/'.length)]];
  const able = ports.eligible(one.pool, one.formats);
  const members = tiers.map((tier) =>
    tier.filter((id) => (able === null || able.has(id)) && ports.usable(id)),
  );
  const open = members.find((tier) => tier.length > 0) ?? tiers[0] ?? [];
  return Object.fromEntries(
    open.map((id) => [
      id,
      { cost: meanCost(ports, id, one), latencyMs: ports.picture.load(id)?.meanLatencyMs ?? 0 },
    ]),
  );
}

/** Mean over the class: those that set a maximum and those that do not cost differently. */
function meanCost(ports: PlannerPorts, id: string, one: BatchClass) {
  const jobs = Math.max(1, one.jobs);
  const setters = jobs - one.unsetOutput;
  const shape = (maxOutput: number | null): Shape => ({
    characters: one.characters / jobs,
    maxOutput,
    inputs: 1,
  });
  const set = ports.picture.cost(id, shape(setters > 0 ? one.maxOutput / setters : null));
  const unset = ports.picture.cost(id, shape(null));
  const share = setters / jobs;
  return {
    requests: 1,
    input: set.input,
    output: share * set.output + (1 - share) * unset.output,
    usd: share * set.usd + (1 - share) * unset.usd,
  };
}

function problemOf(ports: PlannerPorts, classes: JobClass[]): DrainProblem {
  const { fleet, picture } = ports;
  return {
    classes,
    deployments: [...fleet.deployments.values()].map(({ id, budgets }) => ({
      id,
      budgets,
      concurrency: fleet.budgets.get(id)?.limits.concurrency ?? null,
    })),
    budgets: [...fleet.budgets.values()].map((budget) => ({
      id: budget.id,
      concurrency: budget.limits.concurrency ?? null,
      rates: (['rpm', 'tpm', 'itpm', 'otpm'] as const).flatMap((dimension) => {
        const limit = budget.limits[dimension];
        const perMs = (limit ?? 0) / 60_000;
        return limit === undefined
          ? []
          : [{ dimension, perMs, burst: picture.ready ? perMs * BURST_MS : 0 }];
      }),
    })),
  };
}

/** T* for what is left of these batches together, and who would run what; null when nobody can or the solver failed. */
async function idealFor(ports: PlannerPorts, batches: readonly StoredBatch[]) {
  const solved = await idealDrain(
    problemOf(
      ports,
      batches.flatMap((batch) => remaining(ports, batch)),
    ),
  );
  return solved.kind === 'solved' && Number.isFinite(solved.idealMs) ? solved : null;
}

const idealMs = async (ports: PlannerPorts, batches: readonly StoredBatch[]) =>
  (await idealFor(ports, batches))?.idealMs ?? null;

/** Figures for a batch that is about to begin: T* if it had everything to itself, and what it costs when run so. */
export async function firstEstimate(ports: PlannerPorts, batch: StoredBatch) {
  const ideal = await idealFor(ports, [batch]);
  if (ideal === null) return { idealMs: null, costEstimateUsd: null };
  let usd = 0;
  for (const [i, one] of batch.classes.entries()) {
    for (const [id, jobs] of Object.entries(ideal.assignment[`${batch.id} ${i}`] ?? {})) {
      if (ports.fleet.deployments.get(id)?.price === null) {
        return { idealMs: Math.round(ideal.idealMs), costEstimateUsd: null };
      }
      usd += jobs * meanCost(ports, id, one).usd;
    }
  }
  return { idealMs: Math.round(ideal.idealMs), costEstimateUsd: usd };
}

/** One round over the batches being drained: estimates, spending limits, and what other dispatchers recorded. */
export async function planRound(ports: PlannerPorts): Promise<void> {
  const { ledger, feeder, now } = ports;
  const read = await Promise.all(feeder.batches.map((id) => readBatch(ledger, id)));
  const draining: StoredBatch[] = [];
  for (const batch of read) {
    if (!batch) continue;
    feeder.recorded(batch.id, batch.completed + batch.failed);
    if (batch.status !== 'in_progress' || batch.paused) await setAside(ports, batch);
    else if (!(await pausedForCost(ports, batch))) draining.push(batch);
  }
  if (draining.length === 0) return;
  const together = await idealMs(ports, draining);
  await Promise.all(
    draining.map(async (batch) => {
      const alone = draining.length === 1 ? together : await idealMs(ports, [batch]);
      const eta = isStuck(ports, batch) ? null : etaMs(alone, together, draining.length);
      const at = eta === null ? null : Math.round(now() + eta);
      await moveBatch(ledger, batch.id, { from: ['in_progress'], set: { eta_at: at } });
    }),
  );
}

/** Nothing of it drains any more, so nobody knows when it will be done. */
async function setAside({ ledger, feeder }: PlannerPorts, batch: StoredBatch): Promise<void> {
  feeder.remove(batch.id);
  if (batch.etaAt !== null)
    await moveBatch(ledger, batch.id, { from: ['in_progress'], set: { eta_at: null } });
}

/** Some of its lines have no deployment that takes calls now. */
function isStuck(ports: PlannerPorts, batch: StoredBatch): boolean {
  const left = remaining(ports, batch);
  return batch.classes.some((one, i) => {
    if ((left[i]?.jobs ?? 0) === 0) return false;
    return !Object.keys(placements(ports, one)).some((id) => ports.usable(id));
  });
}

/** Batches of a band take turns, so one of n takes up to n times what it would alone, and never longer than all together. */
function etaMs(alone: number | null, together: number | null, batches: number): number | null {
  if (alone === null || together === null) return null;
  return Math.min(alone * batches, together) * USUAL_RATIO;
}

async function pausedForCost(ports: PlannerPorts, batch: StoredBatch): Promise<boolean> {
  if (batch.maxCostUsd === null || batch.costUsd < batch.maxCostUsd) return false;
  const reason = `max_cost_usd reached: ${batch.costUsd.toFixed(4)} of ${batch.maxCostUsd}`;
  await moveBatch(ports.ledger, batch.id, {
    from: ['in_progress'],
    set: { paused: '1', paused_reason: reason, eta_at: null },
  });
  ports.feeder.remove(batch.id);
  ports.events.batchPaused({ batch: batch.id, reason });
  return true;
}
