/** Lines of several batches in one class of the plan. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drainingOfLines, fleetOf, pictureOf, problemPortsOf } from './example-fleet.ts';
import { planProblem } from './plan-problem.ts';

const NOW = 1_000;

test('lines of several batches that are one class are due when the first of them is, in whatever order they came', () => {
  const fleet = fleetOf(
    'deployments: { one: { provider: p, model: m, limits: { rpm: 600 } } }\npools: { fast: [one] }',
  );
  const ports = { ...problemPortsOf(fleet, NOW), picture: pictureOf(fleet, NOW) };
  const due = (inMs: number) =>
    drainingOfLines([{ shape: '1.1', lines: 40, characters: 400, maxOutput: 16 }], {
      expiresAt: NOW + inMs,
    });
  for (const batches of [
    [due(90_000), due(60_000)],
    [due(60_000), due(90_000)],
  ]) {
    const { problem } = planProblem(ports, batches, 0);
    assert.deepEqual(
      problem.classes.map(({ jobs, deadlineInMs }) => [jobs, deadlineInMs]),
      [[80, 58_000]],
      'two seconds before the end of the window, for recording',
    );
  }
});
