/** What is read of the outcomes' streams, against a real Redis: all of it, whatever becomes of the leases meanwhile. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { slotOf } from '@sluice/job';
import type { StreamOutcome } from '@sluice/ledger';
import { until } from '@sluice/testing';
import { recordBatch } from './record-batch.ts';
import { Recorder } from './recorder.ts';
import { Desk } from './test-desk.ts';

let desk: Desk;
before(async () => {
  desk = await Desk.open();
});
after(() => desk.close());

/** Two batches of one slot, an answer of each in its stream. */
async function twoOfOneSlot(): Promise<[string, string]> {
  const bySlot = new Map<number, { batch: string; chunk: string }>();
  for (;;) {
    const one = await desk.fedBatch(1);
    const other = bySlot.get(slotOf(one.batch));
    bySlot.set(slotOf(one.batch), one);
    if (!other) continue;
    for (const { chunk } of [other, one])
      await desk.answered({ id: chunk, epoch: 1 }, [{ line: 1 }]);
    return [other.batch, one.batch];
  }
}

test('what could not be recorded is read again where the slot was held again before the turn had ended', async () => {
  const [refused, recorded] = await twoOfOneSlot();
  const { ledger } = desk;
  const slot = slotOf(refused);
  const lease = ledger.keys.recorder(slot);
  await ledger.redis.del(lease);
  const told: string[] = [];
  const record = async (batch: string, outcomes: StreamOutcome[]): Promise<boolean> => {
    told.push(batch);
    const first = told.filter((one) => one === batch).length === 1;
    // As after an outage longer than the lease: the script finds none, and a moment later it is taken anew.
    if (batch === refused && first) {
      await ledger.redis.del(lease);
      return recordBatch(desk.ports, batch, outcomes);
    }
    if (batch === recorded && first) {
      await until('the lease is taken anew', async () => (await ledger.redis.get(lease)) === 'r1');
    }
    return recordBatch(desk.ports, batch, outcomes);
  };
  const recorder = new Recorder({
    ledger,
    holder: 'r1',
    events: desk.ports.events,
    recordJobs: () => Promise.resolve(true),
    recordBatch: record,
  });
  await recorder.start();
  try {
    await until('both are recorded', async () => (await desk.inStream(slot)) === 0);
  } finally {
    await recorder.stop();
  }
  assert.deepEqual(told.toSorted(), [recorded, refused, refused].toSorted());
});
