/** What a call is booked with and reckoned with at a deployment, by what is known of the length of its answer. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import type { Deployment } from '@sluice/job';
import { bookedCost, costWith, expectedOutput, likelyCost } from './call-cost.ts';
import { fleetOf, loadOf } from './example-fleet.ts';
import { LengthsBook, NOTHING_KNOWN } from './lengths-book.ts';

const FLEET = fleetOf(`
deployments:
  known: { provider: p, model: m }
  azure: { provider: p, model: m, accounting: { reservation: released } }
pools: { fast: [known, azure] }
`);
const at = (id: string, load: Partial<DeploymentLoad> = {}) => ({
  deployment: FLEET.deployments.get(id) as Deployment,
  load: { ...loadOf([]), ...load },
});

describe('tokens of an answer', () => {
  const shape = { characters: 400, maxOutput: null, inputs: 1 };
  const asker = { pool: 'fast', tenant: 'a', batch: null, lineClass: null };
  const lengths = new LengthsBook(() => 1_000);
  const nobody = lengths.likely(asker);
  test('before any answer a booking counts on the maximum, an estimate on what is usual', () => {
    assert.equal(expectedOutput(at('known'), shape, nobody), null);
    assert.equal(bookedCost(at('known'), shape, nobody).output, 1_024);
    assert.ok(costWith(at('known'), shape, 211).output >= 211);
  });

  test('what an asker is known for goes before what the deployment answers on average', () => {
    lengths.answered(
      asker,
      Array.from({ length: 500 }, () => 30),
    );
    const known = at('known', { meanOutput: 600 });
    assert.equal(expectedOutput(known, shape, nobody), 600);
    const expected = expectedOutput(known, shape, lengths.likely(asker)) ?? 0;
    assert.ok(Math.abs(expected - 30) < 5);
  });
});

test('a maximum that is given back is booked whole, and not what a plan reckons with', () => {
  const shape = { characters: 400, maxOutput: 800, inputs: 1 };
  assert.equal(bookedCost(at('azure'), shape, NOTHING_KNOWN).output, 800);
  assert.ok(likelyCost(at('azure'), shape, NOTHING_KNOWN).output < 300);
});
