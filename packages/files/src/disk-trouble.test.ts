import assert from 'node:assert/strict';
import { test } from 'node:test';
import { troubleOf } from './disk-trouble.ts';
import { FileMissing, StoreAway, StoreRefuses } from './store.ts';

const of = (code: string): unknown =>
  troubleOf(Object.assign(new Error(`${code}: no, open '/srv/secret'`), { code }), 'write');

test('a folder that is read-only or closed to the process refuses, and says what to do but no path', () => {
  for (const code of ['EROFS', 'EACCES', 'EPERM', 'ENOTDIR']) {
    const trouble = of(code);
    assert.ok(trouble instanceof StoreRefuses, code);
    assert.match(trouble.advice, new RegExp(`; .* \\(${code}\\)$`));
    assert.doesNotMatch(trouble.message, /srv/);
  }
});

test('a disk or a share that does not answer is away, and says what was found but no path', () => {
  for (const code of ['EIO', 'ESTALE', 'ENOTCONN', 'ENODEV', 'ENXIO', 'ETIMEDOUT', 'EHOSTDOWN']) {
    const trouble = of(code);
    assert.ok(trouble instanceof StoreAway && !(trouble instanceof StoreRefuses), code);
    assert.match(trouble.found ?? '', new RegExp(`\\(${code}\\)$`));
    assert.doesNotMatch(trouble.message, /srv/);
  }
});

test('a full disk, a missing file, our own mistakes and what is told already stay as they are', () => {
  const others = [
    Object.assign(new Error('full'), { code: 'ENOSPC' }),
    new FileMissing('files/a'),
    new TypeError('x is not a function'),
    new StoreAway('read', 'it is'),
  ];
  for (const error of others) assert.equal(troubleOf(error, 'write'), error);
});
