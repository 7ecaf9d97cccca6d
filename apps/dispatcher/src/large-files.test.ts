import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LargeFiles } from './large-files.ts';
import { RunAgain } from './run-again.ts';

const LARGE = 1_000_000_000;

/** Work that ends when it is told to. */
function held() {
  const ends: (() => void)[] = [];
  const work = () => new Promise<string>((resolve) => void ends.push(() => resolve('done')));
  return { ends, work };
}

const failing = () => Promise.reject(new Error('odd'));

const sentAway = async (validating: Promise<unknown>): Promise<number> => {
  const error: unknown = await validating.catch((one: unknown) => one);
  assert.ok(error instanceof RunAgain && error.end.kind === 'again');
  return error.end.afterMs;
};

test('large files have four places and the others ask again; small ones wait for none of them', async () => {
  const files = new LargeFiles();
  const { ends, work } = held();
  const large = (batch: string) => files.validate({ batch, bytes: LARGE }, work);
  const first = ['a', 'b', 'c', 'd'].map(large);
  assert.equal(ends.length, 4);
  const waits = [
    await sentAway(large('e')),
    await sentAway(large('f')),
    await sentAway(large('e')),
  ];
  assert.deepEqual(waits, [250, 500, 250]);
  const small = files.validate({ batch: 's', bytes: 1_000 }, () => Promise.resolve('small'));
  assert.equal(await small, 'small');
  ends[0]?.();
  assert.equal(await first[0], 'done');
  const fifth = large('e');
  assert.equal(ends.length, 5);
  assert.equal(await sentAway(large('f')), 250);
  for (const end of ends) end();
  await Promise.all([...first, fifth]);
});

test('one that was sent away and never asks again makes others wait no longer once all are done', async () => {
  const files = new LargeFiles();
  const busy = () => {
    const { ends, work } = held();
    const all = ['a', 'b', 'c', 'd'].map((batch) => files.validate({ batch, bytes: LARGE }, work));
    return async () => {
      for (const end of ends) end();
      await Promise.all(all);
    };
  };
  const done = busy();
  assert.equal(await sentAway(files.validate({ batch: 'cancelled', bytes: LARGE }, failing)), 250);
  await done();
  const doneAgain = busy();
  assert.equal(await sentAway(files.validate({ batch: 'e', bytes: LARGE }, failing)), 250);
  await doneAgain();
});

test('one that fails gives its place back', async () => {
  const files = new LargeFiles();
  for (let i = 0; i < 9; i++)
    await assert.rejects(files.validate({ batch: `b${i}`, bytes: LARGE }, failing), /odd/);
});
