import assert from 'node:assert/strict';
import { test } from 'node:test';
import { costMs } from './price.ts';
import type { Limit } from './price.ts';

const WORK = { requests: 1, input: 900, output: 100, callMs: 2_000 };
const RPM: Limit = { dimension: 'rpm', perMs: 600 / 60_000 };
const TPM: Limit = { dimension: 'tpm', perMs: 120_000 / 60_000 };

test('work costs what its scarcest limit needs for it', () => {
  assert.equal(costMs(WORK, [RPM]), 100);
  assert.equal(costMs(WORK, [RPM, TPM]), 500);
  assert.equal(costMs(WORK, [RPM, { dimension: 'itpm', perMs: 9 }]), 100);
  assert.equal(costMs(WORK, [{ dimension: 'otpm', perMs: 0.5 }]), 200);
  assert.equal(costMs(WORK, [RPM, { dimension: 'concurrency', perMs: 4 }]), 500);
});

test('with a plan, each limit counts at its price', () => {
  const limits = [
    { ...RPM, priceMs: 30 },
    { ...TPM, priceMs: 0.2 },
  ];
  assert.equal(costMs(WORK, limits), 230);
  assert.equal(costMs(WORK, [{ ...RPM, priceMs: 0 }, TPM]), 500);
});

test('where nothing is limited, tenants share by requests', () => {
  assert.equal(costMs({ ...WORK, requests: 7 }, []), 7);
});
