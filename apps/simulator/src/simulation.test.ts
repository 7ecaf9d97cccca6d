import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, call, chat, one } from './calls-for-tests.ts';

describe('a change while running', () => {
  it('sets limits, latency and faults of an account at once and keeps its counts', () => {
    const simulation = one({ limits: { rpm: 600 } });
    ask(simulation);
    assert.deepEqual(simulation.update('a', { latency: { first_token_ms: 7 } }, 10), { ok: true });
    const [, step] = call(simulation, chat(), { now: 10 });
    assert.equal(step.do === 'wait' && step.ms, 7);
    simulation.update('a', { faults: [{ kind: 'error', at_ms: 5, for_ms: 10 }] }, 1_000);
    assert.equal(ask(simulation, chat(), { now: 1_004 }).status, 200);
    assert.equal(ask(simulation, chat(), { now: 1_005 }).status, 500);
    assert.equal(ask(simulation, chat(), { now: 1_015 }).status, 200);
    assert.equal(simulation.stats(1_015).accounts['a']?.calls, 5);
  });

  it('does not begin faults anew that it does not mention', () => {
    const simulation = one({ faults: [{ kind: 'error', for_ms: 100 }] });
    simulation.update('a', { limits: { rpm: 60 } }, 1_000);
    assert.equal(ask(simulation, chat(), { now: 1_000 }).status, 200);
  });

  it('reaches a model and a group', () => {
    const simulation = one(
      { models: { m: {}, other: {} }, limit_group: 'org' },
      { groups: { org: { limits: { rpm: 600 } } } },
    );
    simulation.update('a/m', { faults: [{ kind: 'model_gone' }] }, 0);
    assert.equal(ask(simulation).status, 404);
    assert.equal(ask(simulation, chat('?', { model: 'other' })).status, 200);
    simulation.update('org', { limits: { rpm: 1 } }, 0);
    assert.equal(ask(simulation, chat('?', { model: 'other' })).status, 200);
    assert.equal(ask(simulation, chat('?', { model: 'other' })).status, 429);
  });

  it('that is wrong changes nothing and says why', () => {
    const simulation = one({ limits: { rpm: 60 } });
    const wrong = simulation.update(
      'a',
      { limits: { rpm: 'many' }, latency: { first_token_ms: 9 } },
      0,
    );
    assert.ok(!wrong.ok && wrong.status === 400);
    assert.match(wrong.mistakes.join(), /accounts\.a\.limits\.rpm/);
    const [, step] = call(simulation);
    assert.equal(step.do === 'wait' && step.ms, 0);
    const unknown = simulation.update('nobody', {}, 0);
    assert.ok(!unknown.ok && unknown.status === 404);
  });
});
