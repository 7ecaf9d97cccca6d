import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seldom } from './seldom.ts';

test('the first is told, then one a minute, with how many came between', () => {
  let now = 5;
  const seldom = new Seldom({ now: () => now });
  assert.equal(seldom.take('full'), 0);
  assert.equal(seldom.take('full'), null);
  assert.equal(seldom.take('another'), 0);
  now += 59_999;
  assert.equal(seldom.take('full'), null);
  now += 1;
  assert.equal(seldom.take('full'), 2);
  assert.equal(seldom.take('full'), null);
  now += 60_000;
  assert.equal(seldom.take('full'), 1);
});

test('of more kinds than can be remembered the longest ago told is forgotten', () => {
  const seldom = new Seldom({ now: () => 0 });
  for (let i = 0; i < 1_000; i++) assert.equal(seldom.take(`${i}`), 0);
  assert.equal(seldom.take('0'), null);
  assert.equal(seldom.take('one more'), 0);
  assert.equal(seldom.take('1'), null);
  assert.equal(seldom.take('0'), 0);
});
