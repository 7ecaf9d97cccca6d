import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Call } from './call.ts';
import { ask, call, chat, one, statuses } from './calls-for-tests.ts';
import type { AccountOptions } from './calls-for-tests.ts';
import { Simulation } from './simulation.ts';
import type { Step } from './simulation.ts';

const codeOf = (body: string): string => JSON.parse(body).error.code;

/** An account whose limits are joined by those of the group `org`. */
function member(key: string, rpm: number): AccountOptions {
  return { key, limits: { rpm }, window: 'bucket_60s', limit_group: 'org' };
}

const msOf = ([, step]: [Call, Step]): number => (step.do === 'wait' ? step.ms : Number.NaN);

const unlucky = (seed: number): number[] => statuses(one({ error_rate: 0.3 }, { seed }), 1_000);

describe('limits', () => {
  it('answers 200 until a limit is used up, then 429', () => {
    const simulation = one({ limits: { rpm: 60 }, window: 'bucket_10s' });
    assert.deepEqual(statuses(simulation, 12), [...Array(10).fill(200), 429, 429]);
    assert.equal(ask(simulation, chat(), { now: 1_000 }).status, 200);
    const stats = simulation.stats(1_000).accounts['a'];
    assert.deepEqual([stats?.ok, stats?.limited, stats?.calls], [11, 2, 13]);
  });

  it('are shared by the accounts of a group, besides their own', () => {
    const simulation = new Simulation(
      {
        groups: { org: { limits: { rpm: 5 }, window: 'bucket_60s' } },
        accounts: { a: member('ka', 3), b: member('kb', 100) },
      },
      0,
      0,
    );
    assert.deepEqual(statuses(simulation, 4, chat(), { now: 0, key: 'ka' }), [200, 200, 200, 429]);
    assert.deepEqual(statuses(simulation, 3, chat(), { now: 0, key: 'kb' }), [200, 200, 429]);
    assert.equal(simulation.stats(0).groups['org']?.limits.rpm?.charged, 5);
  });

  it('may be a model’s own', () => {
    const simulation = one({
      limits: { rpm: 1 },
      window: 'bucket_60s',
      models: { shared: {}, own: { limits: { rpm: 2 } }, also: {} },
    });
    const of = (model: string, count: number): number[] =>
      statuses(simulation, count, chat('?', { model }));
    assert.deepEqual(of('own', 3), [200, 200, 429]);
    assert.deepEqual(of('shared', 1), [200]);
    assert.deepEqual(of('also', 1), [429]);
    assert.deepEqual(of('unknown', 1), [404]);
    const stats = simulation.stats(0).accounts['a'];
    assert.equal(stats?.calls, 6);
    assert.equal(stats?.models?.['own']?.calls, 3);
    assert.equal(stats?.models?.['own']?.limits.rpm?.charged, 2);
  });

  it('bound calls in flight', () => {
    const simulation = one({ limits: { concurrency: 2 }, latency: { first_token_ms: 100 } });
    const [first] = call(simulation);
    call(simulation);
    const [, third] = call(simulation);
    assert.equal(third.do === 'reply' && third.reply.status, 429);
    simulation.answer(first, 'ok', 100);
    assert.equal(call(simulation, chat(), { now: 100 })[1].do, 'wait');
    const stats = simulation.stats(100).accounts['a'];
    assert.deepEqual([stats?.in_flight, stats?.max_in_flight], [2, 2]);
  });

  it('let refused and failed requests count where the provider does', () => {
    const limits = { rpm: 6, tpm: 600 };
    const big = chat(undefined, { max_tokens: 550 });
    for (const failed_requests_count of [true, false]) {
      const simulation = one({ limits, window: 'bucket_60s', failed_requests_count });
      statuses(simulation, 3, big);
      assert.equal(
        simulation.stats(0).accounts['a']?.limits.rpm?.charged,
        failed_requests_count ? 3 : 1,
      );
    }
  });
});

describe('faults', () => {
  const EXPECTED = [
    ['error', 500, null],
    ['refuse_credential', 401, 'invalid_api_key'],
    ['quota_exhausted', 429, 'insufficient_quota'],
    ['model_gone', 404, 'model_not_found'],
    ['context_too_long', 400, 'context_length_exceeded'],
    ['content_refused', 400, 'content_filter'],
  ] as const;

  for (const [kind, status, code] of EXPECTED) {
    it(`${kind} answers ${status} while it lasts and charges nothing`, () => {
      const faults = [{ kind, at_ms: 100, for_ms: 100 }];
      const simulation = one({ limits: { rpm: 600 }, faults });
      assert.equal(ask(simulation, chat(), { now: 99 }).status, 200);
      const reply = ask(simulation, chat(), { now: 100 });
      assert.deepEqual([reply.status, codeOf(reply.body)], [status, code]);
      assert.equal(ask(simulation, chat(), { now: 200 }).status, 200);
      const stats = simulation.stats(200).accounts['a'];
      assert.deepEqual(stats?.failed, { [status]: 1 });
      assert.equal(stats?.limited, 0);
      assert.equal(stats?.limits.rpm?.charged, 2);
    });
  }

  it('error takes the status asked for', () => {
    const simulation = one({ faults: [{ kind: 'error', status: 503 }] });
    const reply = ask(simulation);
    assert.deepEqual([reply.status, codeOf(reply.body)], [503, 'server_is_overloaded']);
  });

  it('hang takes the call in, charges it and keeps it until the client gives up, even past the fault', () => {
    const faults = [{ kind: 'hang' as const, for_ms: 100 }];
    const simulation = one({ limits: { rpm: 600, concurrency: 1 }, faults });
    const [hung, step] = call(simulation);
    assert.equal(step.do, 'hang');
    assert.equal(simulation.stats(5_000).accounts['a']?.in_flight, 1);
    simulation.abort(hung, 5_000);
    const stats = simulation.stats(5_000).accounts['a'];
    assert.deepEqual([stats?.aborted, stats?.in_flight, stats?.limits.rpm?.charged], [1, 0, 1]);
    assert.ok((stats?.lost_tokens_in ?? 0) > 0);
    assert.equal(ask(simulation, chat(), { now: 5_000 }).status, 200);
  });

  it('slow multiplies the latency', () => {
    const latency = { first_token_ms: 20, per_output_token_ms: 1 };
    const simulation = one({
      latency,
      output_tokens: 30,
      faults: [{ kind: 'slow', factor: 4, for_ms: 10 }],
    });
    assert.equal(msOf(call(simulation)), 200);
    assert.equal(msOf(call(simulation, chat(), { now: 10 })), 50);
  });

  it('cut and outage close the connection', () => {
    const cut = one({ faults: [{ kind: 'cut' }] });
    const [half, step] = call(cut);
    assert.deepEqual(step, { do: 'wait', ms: 0, how: 'cut' });
    cut.answer(half, 'dropped', 0);
    assert.equal(cut.stats(0).accounts['a']?.dropped, 1);

    const out = one({ faults: [{ kind: 'outage', from: 'first_call', for_ms: 50 }] });
    assert.equal(call(out, chat(), { now: 10 })[1].do, 'drop');
    assert.equal(call(out, chat(), { now: 60 })[1].do, 'wait');
    assert.equal(out.stats(60).accounts['a']?.dropped, 1);
  });

  it('may be a model’s own, or of all models of the account', () => {
    const simulation = one({
      faults: [{ kind: 'error' }],
      models: { sick: {}, healthy: { faults: [] }, gone: { faults: [{ kind: 'model_gone' }] } },
    });
    const of = (model: string): number => ask(simulation, chat('?', { model })).status;
    assert.deepEqual(['sick', 'healthy', 'gone'].map(of), [500, 200, 404]);
  });

  it('error_rate fails that share, the same calls for the same seed', () => {
    const first = unlucky(5);
    const share = first.filter((status) => status === 500).length / first.length;
    assert.ok(Math.abs(share - 0.3) < 0.05, `share ${share}`);
    assert.deepEqual(unlucky(5), first);
    assert.notDeepEqual(unlucky(6), first);
  });
});
