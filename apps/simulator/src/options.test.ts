import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { demoOptions } from './demo-options.ts';
import { mergePatch } from './merge-patch.ts';
import { readOptions } from './options.ts';

describe('the options', () => {
  it('fill in defaults', () => {
    const read = readOptions({ accounts: { a: { key: 'k' } } });
    assert.ok(read.ok);
    const account = read.options.accounts['a'];
    assert.equal(read.options.seed, 1);
    assert.equal(account?.window, 'bucket_1s');
    assert.equal(account?.latency.first_token_ms, 0);
    assert.equal(account?.default_max_tokens, 1024);
  });

  it('accept the demo', () => {
    assert.ok(readOptions(demoOptions).ok);
  });

  it('name every mistake', () => {
    const read = readOptions({
      sead: 1,
      groups: { b: { limits: {} } },
      accounts: {
        a: { key: 'same', limits: { rpm: -1 } },
        b: { key: 'same', limit_group: 'nowhere', models: { m: { limit_group: 'gone' } } },
      },
    });
    assert.ok(!read.ok);
    const text = read.mistakes.join('\n');
    assert.match(text, /sead/);
    assert.match(text, /accounts\.a\.limits\.rpm/);
  });

  it('name what refers to nothing or is there twice', () => {
    const read = readOptions({
      groups: { b: { limits: {} } },
      accounts: {
        a: { key: 'same' },
        b: { key: 'same', limit_group: 'nowhere', models: { m: { limit_group: 'gone' } } },
      },
    });
    assert.ok(!read.ok);
    assert.deepEqual(read.mistakes, [
      'accounts.b.limit_group: no group "nowhere"; there are: b',
      'accounts.b.models.m.limit_group: no group "gone"; there are: b',
      'groups.b: also the id of an account',
      'accounts.b.key: also of a',
    ]);
  });
});

describe('a merge patch', () => {
  it('merges objects, removes by null, replaces the rest and leaves its target alone', () => {
    const target = { a: { b: 1, c: 2 }, list: [1, 2], gone: true };
    const merged = mergePatch(target, { a: { b: 3 }, list: [4], gone: null, more: { x: null } });
    assert.deepEqual(merged, { a: { b: 3, c: 2 }, list: [4], more: {} });
    assert.deepEqual(target, { a: { b: 1, c: 2 }, list: [1, 2], gone: true });
  });
});
