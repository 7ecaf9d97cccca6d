import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import { type Fit, NEW_FIT, fitTo, valueOf } from './least-squares.ts';

const trace = ({ covariance }: Fit): number =>
  [0, 5, 10, 15].reduce((sum, i) => sum + (covariance[i] as number), 0);

test('what samples all alike do not tell apart does not become uncertain without end', () => {
  let fit = NEW_FIT;
  for (let i = 0; i < 20_000; i += 1)
    fit = fitTo(fit, [1, 0.3, 0.4, 0.2], { value: 900, scale: 900 });
  assert.ok(trace(fit) > 0 && trace(fit) <= 400, `${trace(fit)}`);
  assert.ok(Math.abs(valueOf(fit, [1, 0.3, 0.4, 0.2]) - 900) < 1);
});

test('coefficients are never below 0, though noise asks for it', () => {
  const random = seededRandom(1);
  let fit = NEW_FIT;
  for (let i = 0; i < 2_000; i += 1) {
    const terms = [1, random(), random(), random()];
    fit = fitTo(fit, terms, {
      value: 500 * (0.2 + random()) - 300 * (terms[1] as number),
      scale: 500,
    });
    assert.ok(fit.coefficients.every((each) => each >= 0));
  }
});

test('exact data is fitted exactly', () => {
  const random = seededRandom(2);
  let fit = NEW_FIT;
  for (let i = 0; i < 1_000; i += 1) {
    const [b, c, d] = [3 * random(), 4 * random(), random()];
    const value = 200 + 40 * b + 900 * c + 100 * d;
    fit = fitTo(fit, [1, b, c, d], { value, scale: value });
  }
  assert.ok(Math.abs(valueOf(fit, [1, 1, 1, 1]) - 1_240) < 1, `${valueOf(fit, [1, 1, 1, 1])}`);
});
