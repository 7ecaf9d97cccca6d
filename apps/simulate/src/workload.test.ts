import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseWorkload } from './workload.ts';

test('a file alone has the usual settings, with --at-once as a batch', () => {
  const { path, atOnce, priority, tenant } = parseWorkload('data/trace.csv', false);
  assert.deepEqual([path, atOnce, priority, tenant], ['data/trace.csv', false, null, 'default']);
  assert.equal(parseWorkload('trace.csv', true).atOnce, true);
});

test('settings follow the last colon', () => {
  const workload = parseWorkload(
    'C:/a:b/t.csv:priority=interactive,tenant=x,pool=fast,at_once,scale=2,start=30s,limit=10,max_tokens=99,deadline=10m',
    false,
  );
  assert.deepEqual(workload, {
    path: 'C:/a:b/t.csv',
    priority: 'interactive',
    tenant: 'x',
    pool: 'fast',
    atOnce: true,
    scale: 2,
    startMs: 30_000,
    limit: 10,
    maxTokens: 99,
    deadlineMs: 600_000,
  });
  assert.equal(parseWorkload('C:/plain.csv', false).path, 'C:/plain.csv');
  assert.equal(parseWorkload('a.csv:at_once=false', true).atOnce, false);
});

const MISTAKES: [text: string, says: RegExp][] = [
  ['', /--workload: found nothing; allowed: a file/],
  ['a.csv:prio=high', /found "prio"; allowed: the keys priority, tenant/],
  ['a.csv:priority=high', /priority: found "high"; allowed: interactive, normal, low/],
  ['a.csv:scale=0', /scale: found "0"; allowed: a number above 0/],
  ['a.csv:limit=1.5', /limit: found "1.5"; allowed: a whole number above 0/],
  ['a.csv:deadline=0s', /deadline: found "0s"; allowed: a duration above 0/],
  ['a.csv:deadline=3651d', /deadline: found "3651d"; allowed: a duration above 0 and up to 3650d/],
  [
    'a.csv:max_tokens=1e300',
    /max_tokens: found "1e300"; allowed: a whole number from 1 to 100000000/,
  ],
  ['a.csv:tenant=', /tenant: found nothing; allowed: a name/],
  ['a.csv:at_once=maybe', /at_once: found "maybe"; allowed: nothing, true or false/],
];

for (const [text, says] of MISTAKES) {
  test(`--workload ${text || '(nothing)'} is a mistake that says where`, () => {
    assert.throws(() => parseWorkload(text, false), says);
  });
}
