import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startPace } from './pace.ts';

const work = (ms: number): void => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};

test('a slice ends after its time and begins anew after a rest', async () => {
  const pace = startPace({ sliceMs: 20 });
  assert.equal(pace.due(), false);
  work(21);
  assert.equal(pace.due(), true);
  await pace.rest();
  assert.equal(pace.due(), false);
});

test('others get as long as a slice when they are busy', async () => {
  const pace = startPace({ sliceMs: 60 });
  let steps = 0;
  const other = (): void => {
    work(2);
    steps += 1;
    if (steps < 200) setImmediate(other);
  };
  setImmediate(other);
  await pace.rest();
  assert.ok(steps >= 3, `${steps} steps of 2 ms in a rest of 60 ms`);
  assert.ok(steps < 200, 'but not for ever');
});

test('a rest ends with the reason when it is to stop', async () => {
  const pace = startPace({ signal: AbortSignal.abort(new Error('stopping')) });
  await assert.rejects(pace.rest(), /stopping/);
});
