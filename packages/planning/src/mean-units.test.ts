import assert from 'node:assert/strict';
import { test } from 'node:test';
import { meanUnits } from './mean-units.ts';
import type { JobClass } from './problem.ts';

const place = (input: number, output: number) => ({
  cost: { requests: 1, input, output },
  latencyMs: 0,
});

test('classes count by their jobs, their places alike; those that nobody can run do not count', () => {
  const classes: JobClass[] = [
    { id: 'short', jobs: 300, deployments: { a: place(80, 20), b: place(60, 40) } },
    { id: 'long', jobs: 100, deployments: { a: place(400, 100), b: place(700, 200) } },
    { id: 'none', jobs: 1_000, deployments: {} },
  ];
  assert.equal(meanUnits(classes, 'rpm'), 1);
  assert.equal(meanUnits(classes, 'tpm'), (300 * 100 + 100 * 700) / 400);
  assert.equal(meanUnits(classes, 'itpm'), (300 * 70 + 100 * 550) / 400);
  assert.equal(meanUnits([], 'tpm'), 0);
});
