import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ROUTES } from '../routes.ts';
import { READS, changes, stakeAt } from './stake.ts';

const shown = (path: string): string => path.replaceAll(/:(\w+)/g, '<$1>');

test('what a change that may be done is read at, and which is not to be done again unseen', () => {
  const changing = ROUTES.filter(changes).map((route) => {
    const stake = stakeAt(route, { path: shown(route.path), hasKey: false });
    assert.equal(stake.kind, 'changes');
    const { told, notTwice } = stake;
    return [`${route.method} ${shown(route.path)}`, told, notTwice === null ? 'safe' : 'look'];
  });
  const endpoint = '/v1/webhook_endpoints/<id>';
  assert.deepEqual(changing, [
    ['delete /v1/jobs/<id>', '/v1/jobs/<id>', 'safe'],
    ['post /v1/jobs/<id>/cancel', '/v1/jobs/<id>', 'safe'],
    ['delete /v1/files/<id>', '/v1/files/<id>', 'safe'],
    ['post /v1/uploads/<id>/complete', null, 'safe'],
    ['post /v1/uploads/<id>/cancel', null, 'safe'],
    ['post /v1/batches/<id>/cancel', '/v1/batches/<id>', 'safe'],
    ['post /v1/batches/<id>/pause', '/v1/batches/<id>', 'safe'],
    ['post /v1/batches/<id>/resume', '/v1/batches/<id>', 'look'],
    [`post ${endpoint}`, endpoint, 'safe'],
    [`delete ${endpoint}`, endpoint, 'safe'],
    [`post ${endpoint}/rotate_secret`, endpoint, 'look'],
    [`post ${endpoint}/test`, endpoint, 'safe'],
    [`post ${endpoint}/deliveries/<delivery>/redeliver`, `${endpoint}/deliveries`, 'look'],
    ['patch /admin/deployments/<id>', '/admin/deployments', 'safe'],
    ['post /admin/reload', null, 'safe'],
    ['patch /admin/budgets/<id>', '/admin/budgets', 'safe'],
  ]);
});

test('where a key is honoured, what is sent with one may be sent again', () => {
  const again = ROUTES.filter(({ notTwice }) => notTwice).filter((route) => {
    const stake = stakeAt(route, { path: '/', hasKey: true });
    return stake.kind === 'changes' && stake.notTwice === null;
  });
  assert.deepEqual(
    again.map(({ path }) => path),
    ['/v1/batches/:id/resume'],
  );
});

test('a GET changes nothing, and what makes something says whether it may be made again', () => {
  const asked = { path: '/', hasKey: false };
  for (const route of ROUTES.filter(({ method }) => method === 'get'))
    assert.deepEqual(stakeAt(route, asked), READS);
  const made = ROUTES.filter(({ creates }) => creates);
  const free = made.filter((route) => {
    const stake = stakeAt(route, asked);
    return stake.kind === 'creates' && stake.repeatable;
  });
  assert.deepEqual(
    free.map(({ path }) => path),
    ['/v1/files', '/v1/uploads', '/v1/uploads/:id/parts'],
  );
});
