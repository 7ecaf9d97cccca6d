/**
 * A short run of `npm run fuzz`: whatever is sent, every answer is one that is documented, nothing dies, nothing is left half
 * there. CI's fixed seed sends the same requests each time; other seeds are a person's to try.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { attack } from './hostile/attack.ts';
import { caseOf } from './hostile/cases.ts';
import { faultOf } from './hostile/judge.ts';
import { specialAddress } from './hostile/urls.ts';

const KNOWN = { jobs: [], batches: [], files: [], uploads: [] };

test('hostile requests break nothing', { timeout: 120_000 }, async () => {
  const outcome = await attack({
    seed: Number(process.env['SLUICE_TEST_SEED'] ?? 1),
    cases: 1_200,
  });
  assert.deepEqual(outcome.faults, []);
  assert.deepEqual(outcome.remains, []);
  // They are hostile, but not so much that none is taken.
  for (const status of [200, 202, 400, 404, 405, 415])
    assert.ok(outcome.statuses.has(status), `${status}`);
});

test('a case is told by its seed and number', () => {
  for (const number of [0, 1, 17, 9_999])
    assert.deepEqual(caseOf(7, number, KNOWN), caseOf(7, number, KNOWN));
  assert.notDeepEqual(caseOf(7, 1, KNOWN), caseOf(8, 1, KNOWN));
});

const answer = (status: number, body = '{}', id = 'req_1') => ({
  status,
  body,
  headers: new Map(id === '' ? [] : [['x-request-id', id]]),
  tookMs: 1,
  hung: false,
});

test('what must not be is seen', () => {
  const one = { ...caseOf(1, 1, KNOWN), cutAt: null, method: 'POST', webhookUrl: null };
  assert.equal(faultOf(one, answer(200)), null);
  assert.match(faultOf(one, answer(500)) ?? '', /^500/);
  assert.match(faultOf(one, answer(503)) ?? '', /retry-after/);
  assert.match(faultOf(one, answer(404, 'Not Found')) ?? '', /envelope/);
  assert.match(faultOf(one, answer(200, '{}', '')) ?? '', /x-request-id/);
  assert.match(faultOf(one, answer(0)) ?? '', /without an answer/);
  assert.match(faultOf(one, { ...answer(200), hung: true }) ?? '', /no end/);
  const hook = { ...one, webhookUrl: 'https://[::ffff:7f00:1]/hook' };
  assert.match(faultOf(hook, answer(202)) ?? '', /127\.0\.0\.1|::ffff/);
});

test('addresses of our own networks are known in every spelling', () => {
  const inside = ['0x7f000001', '2130706433', '127.1', '[::1]', '169.254.169.254', '0'];
  for (const host of inside) assert.notEqual(specialAddress(`https://${host}/`), null, host);
  for (const host of ['8.8.8.8', 'example.com'])
    assert.equal(specialAddress(`https://${host}/`), null);
});
