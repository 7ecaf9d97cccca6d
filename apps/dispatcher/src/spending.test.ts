/** What is recorded counts against its tenant's dollars of the day, once, however often it is recorded. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { until } from '@sluice/testing';
import { recordBatch } from './record-batch.ts';
import { recordJobs } from './record-jobs.ts';
import { Desk } from './test-desk.ts';

let desk: Desk;
before(async () => {
  desk = await Desk.open();
});
after(() => desk.close());

const OK = { outcome: 'ok' as const, statusCode: 200, costUsd: 0.25 };

test('the cost of jobs and of batch lines is added to what their tenant has spent', async () => {
  const { redis, keys } = desk.ledger;
  const id = await desk.acceptedJob();
  const epoch = await desk.placed(id, 0);
  const told = { onEnded: () => undefined, onAnswer: () => undefined };
  const ports = { ...desk.ports, ...told, keepSeconds: 60, keepDeadSeconds: 60 };
  const outcomes = await desk.answered({ id, epoch }, [OK]);
  await recordJobs(ports, outcomes);
  await recordJobs(ports, outcomes);
  const { batch, chunk } = await desk.fedBatch(2);
  const lines = await desk.answered({ id: chunk, epoch: 1 }, [
    { ...OK, place: 0, line: 1 },
    { ...OK, place: 1, line: 2 },
  ]);
  await recordBatch(desk.ports, batch, lines);
  await recordBatch(desk.ports, batch, lines);
  const spent = async () =>
    (await redis.hvals(keys.tenant('default').spent)).reduce((sum, usd) => sum + Number(usd), 0);
  await until('the sum is written', async () => (await spent()) >= 0.75);
  assert.equal(await spent(), 0.75);
});
