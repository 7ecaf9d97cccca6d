/**
 * The beginning of a batch: its input is validated, then its lines are fed, or it ends because of what is wrong with them.
 * One cancelled meanwhile is validated to the end all the same: every one of its lines is then reported as cancelled.
 */
import { affinityOf, getsNothing, keyHashOf, strategyFor } from '@sluice/balancing';
import { findPool, knownModels, tiersExceeded } from '@sluice/config';
import { FileMissing } from '@sluice/files';
import { membersOf } from '@sluice/job';
import type { Endpoint, Fleet } from '@sluice/job';
import { forgetUnread, moveBatch, readBatch, readFile } from '@sluice/ledger';
import type { BatchError, StoredBatch } from '@sluice/ledger';
import { formatsOf } from '@sluice/providers';
import type { BatchRules } from './batch/check-line.ts';
import { invalid } from './batch/line-errors.ts';
import { validateBatch } from './batch/validate.ts';
import { TAIL_MS } from './due.ts';
import { endBatch } from './end-batch.ts';
import { untilGone } from './missing-file.ts';
import type { StepPorts } from './step-ports.ts';

/** Whoever began it feeds it at once; should that have been lost, it is looked after soon. */
const CHECK_MS = 2_000;

/** Validates a batch and begins it, or ends it; whoever else asks meanwhile waits for the same. */
export function beginBatch(ports: StepPorts, batch: StoredBatch): Promise<void> {
  const underWay = ports.validating.get(batch.id);
  if (underWay) return underWay;
  const validation = validate(ports, batch).finally(() => ports.validating.delete(batch.id));
  ports.validating.set(batch.id, validation);
  return validation;
}

async function validate(ports: StepPorts, batch: StoredBatch): Promise<void> {
  const input = await readFile(ports.ledger, batch.inputFileId);
  if (!input) return refuse(ports, batch, [inputGone(batch.inputFileId)]);
  try {
    const work = () =>
      validateBatch({
        store: ports.store,
        inputName: input.storeName,
        endpoint: batch.endpoint,
        batchId: batch.id,
        rules: rulesFor(ports, batch),
        signal: ports.signal,
      });
    const file = { batch: batch.id, bytes: input.bytes };
    const result = await ports.largeFiles.validate(file, work);
    await Promise.all([
      forgetUnread(ports.ledger, batch.id, input.storeName),
      result.kind === 'invalid'
        ? refuse(ports, batch, result.errors)
        : begin(ports, batch, { ...result, storeName: input.storeName }),
    ]);
  } catch (error) {
    if (!(error instanceof FileMissing)) throw error;
    await untilGone(ports, batch.id, error);
    return refuse(ports, batch, [inputGone(batch.inputFileId)]);
  }
}

export const inputGone = (id: string): BatchError => ({
  code: 'invalid_request',
  message: `Cannot find file ${id}: it was deleted or has expired.`,
  param: 'input_file_id',
  line: null,
});

/** `retryOf`: absent in a dry run. */
type Ruled = Pick<StoredBatch, 'tenant' | 'priority' | 'metadata' | 'createdAt' | 'maxTier'> &
  Partial<Pick<StoredBatch, 'retryOf'>>;

export function rulesFor(
  { fleet, routes, maxLines, maxLineBytes, poolsOf }: StepPorts,
  { tenant, priority, metadata, createdAt, maxTier, retryOf = null }: Ruled,
): BatchRules {
  const allowed = poolsOf(tenant);
  const search = { fleet, routes, allowed };
  const asked = { tenant, priority, metadata: metadata ?? {}, affinityKey: null };
  const sayable = (pool: string, endpoint: Endpoint, body: Record<string, unknown>) => {
    const kept = fleet.pools.get(pool);
    const members = (membersOf(fleet, pool) ?? []).filter(
      (id) => kept === undefined || !getsNothing(kept, id),
    );
    return formatsOf(
      members.flatMap((id) => fleet.deployments.get(id) ?? []),
      endpoint,
      body,
    );
  };
  const keyed = new Set(
    [...fleet.pools.values()]
      .filter(({ strategy }) => strategyFor(strategy)?.byKey)
      .map(({ id }) => id),
  );
  return {
    maxLines,
    maxLineBytes,
    keyOf: (pool, body) => (keyed.has(pool) ? keyHashOf(affinityOf(null, body)) : undefined),
    // By when the batch was accepted: validating it again gives the same.
    resolve: (model, { customId, ...line }) => {
      const found = findPool(search, { ...asked, ...line, model, id: customId }, createdAt);
      if (found.kind === 'unknown') return { ...found, known: allowed ?? knownModels(fleet) };
      if (found.kind === 'deployment') return { kind: 'pool', pool: model };
      const { route, why } = found.routed;
      return { kind: 'pool', pool: found.pool.id, routedBy: route === null ? null : why };
    },
    formatsFor: (pool, endpoint, body) => sayable(pool, endpoint, body).mask,
    cannotSay: (pool, endpoint, body) => sayable(pool, endpoint, body).unsayable,
    // What is tried again keeps the tier it was accepted with, however many there are by now.
    ofAll: (pools) => (retryOf === null ? tierMistake(fleet, maxTier, pools) : null),
  };
}

function tierMistake(fleet: Fleet, maxTier: number | null, pools: readonly string[]) {
  const allowed = tiersExceeded(fleet, maxTier, pools);
  return allowed === null
    ? null
    : invalid('max_tier', `Invalid value for 'max_tier': found ${maxTier}; allowed: ${allowed}.`);
}

/** A batch cancelled meanwhile ends as cancelled, with the same errors. */
async function refuse(ports: StepPorts, batch: StoredBatch, errors: BatchError[]): Promise<void> {
  ports.events.batchRefused({
    batch: batch.id,
    errors: errors.length,
    first: errors[0]?.code ?? '',
  });
  const ending = { set: { errors: JSON.stringify(errors) }, extents: null };
  const answer = await endBatch(ports, batch, { ...ending, to: 'failed', from: ['validating'] });
  if (answer === 'had_ended')
    await endBatch(ports, batch, { ...ending, to: 'cancelled', from: ['cancelling'] });
}

type Valid = Extract<Awaited<ReturnType<typeof validateBatch>>, { kind: 'valid' }>;

async function begin(
  ports: StepPorts,
  batch: StoredBatch,
  valid: Valid & { storeName: string },
): Promise<void> {
  const { ledger, now } = ports;
  const begun = { ...batch, total: valid.lines, classes: valid.classes };
  const estimate = await ports.estimate(begun);
  const lines = {
    total: valid.lines,
    classes: JSON.stringify(valid.classes),
    input_store: valid.storeName,
  };
  const moved = await moveBatch(ledger, batch.id, {
    from: ['validating'],
    to: 'in_progress',
    checkAt: Math.min(now() + CHECK_MS, batch.expiresAt),
    set: {
      ...lines,
      in_progress_at: now(),
      ideal_ms: estimate.idealMs,
      cost_estimate: estimate.costUsd?.likely ?? null,
      cost_low: estimate.costUsd?.low ?? null,
      cost_high: estimate.costUsd?.high ?? null,
      // Until the first plan: no call is answered and recorded sooner.
      eta_at:
        estimate.etaMs === null ? null : Math.round(now() + Math.max(TAIL_MS, estimate.etaMs)),
    },
  });
  // Its answer was lost and it was sent again: it is what this one did.
  const before = moved.kind === 'refused' && moved.status === 'in_progress';
  if (moved.kind !== 'moved' && !before) {
    await moveBatch(ledger, batch.id, { from: ['cancelling'], set: lines, checkAt: now() });
    return;
  }
  ports.events.batchStarted({
    batch: batch.id,
    lines: valid.lines,
    classes: valid.classes.length,
    ideal_ms: estimate.idealMs,
  });
  const lateByMs = now() + (estimate.idealMs ?? 0) - batch.expiresAt;
  if (lateByMs > 0) ports.events.batchLate({ batch: batch.id, late_by_ms: Math.round(lateByMs) });
  const stored = await readBatch(ledger, batch.id);
  if (stored) ports.onStart(stored);
}
