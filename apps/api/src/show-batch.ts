/** A batch with what is under way right now: how many of its lines are being called, and what is in the way of the others. */
import { membersOf } from '@sluice/job';
import { openChunks, runningLines } from '@sluice/ledger';
import type { StoredBatch } from '@sluice/ledger';
import type { Api } from './api.ts';
import { batchObject } from './batch-object.ts';
import type { BatchObject, Blocked } from './batch-object.ts';
import { leftOutBy, whyUnfed } from './batch-waiting.ts';
import { hasEnded } from './find-batch.ts';
import { outNow } from './out-now.ts';
import { ceilingHint } from './unpriced.ts';
import { shapesOf } from './too-large.ts';
import { spokenFor } from './used-up.ts';

export async function showBatch(api: Api, batch: StoredBatch): Promise<BatchObject> {
  const now = api.clock.now();
  if (hasEnded(batch.status)) return batchObject(batch, now);
  if (batch.total === 0) {
    const waiting = reasonOf(await whyUnfed(api, batch, false));
    return batchObject(batch, now, { running: 0, blocked: [], waiting, maxCostHint: null });
  }
  const chunks = await openChunks(api.ledger, batch.id);
  const [running, blocked, waiting] = await Promise.all([
    runningLines(api.ledger, chunks),
    blockedFor(api, batch, now),
    whyUnfed(api, batch, chunks.length > 0),
  ]);
  return batchObject(batch, now, {
    running,
    blocked,
    waiting: reasonOf(waiting),
    maxCostHint: ceilingHint(api.fleet, { ...batch, pools: batch.classes.map(({ pool }) => pool) }),
  });
}

const reasonOf = (reason: string | null): BatchObject['sluice']['waiting'] =>
  reason === null ? null : { reason };

/**
 * Deployments that start nothing now; those of which a limit per minute is spoken for longer than seconds; those that its ceiling
 * leaves out; and pools that the config has no more.
 */
async function blockedFor(api: Api, batch: StoredBatch, now: number): Promise<Blocked[]> {
  const [health, loads] = await Promise.all([api.figures.health(), api.figures.loads()]);
  const pools = [...new Set(batch.classes.map(({ pool }) => pool))];
  const members = pools.map((pool) => membersOf(api.fleet, pool, batch.maxTier));
  const shapes = batch.classes.flatMap(shapesOf);
  const gone = pools.filter((_, i) => members[i] === null);
  const rows = [...new Set(members.flatMap((ids) => ids ?? []))].flatMap((deployment) => {
    const out = outNow(api, deployment, { health, loads, now });
    if (out !== null) return [out];
    const spoken = spokenFor(api.fleet, loads.get(deployment), { id: deployment, shapes, now });
    return spoken === null ? [] : [{ deployment, reason: spoken }];
  });
  return [
    ...gone.map((pool) => ({ deployment: pool, reason: `the config has no pool ${pool}` })),
    ...rows,
    ...leftOutBy(batch).filter((one) => !rows.some(({ deployment: id }) => id === one.deployment)),
  ];
}
