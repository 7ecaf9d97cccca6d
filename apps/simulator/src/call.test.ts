import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ask, call, chat, one } from './calls-for-tests.ts';
import { requestKey } from './request-texts.ts';
import { countTokens } from './tokens.ts';

describe('charging', () => {
  const INPUT = 3 + 4 + countTokens('What is six times seven?');

  it('takes input and max_tokens at admission and never gives back', () => {
    const simulation = one({ limits: { tpm: 1_000 }, window: 'bucket_60s', output_tokens: 5 });
    const reply = ask(simulation, chat(undefined, { max_tokens: 400 }));
    assert.equal(JSON.parse(reply.body).usage.completion_tokens, 5);
    assert.equal(simulation.stats(0).accounts['a']?.limits.tpm?.charged, INPUT + 400);
  });

  it('assumes default_max_tokens where the request sets none, and multiplies by n', () => {
    const simulation = one({
      limits: { tpm: 10_000 },
      window: 'bucket_60s',
      default_max_tokens: 70,
    });
    ask(simulation, chat(undefined, { n: 3 }));
    assert.equal(simulation.stats(0).accounts['a']?.limits.tpm?.charged, INPUT + 3 * 70);
  });

  it('takes what was really used when it charges actual', () => {
    const limits = { tpm: 1_000, itpm: 1_000, otpm: 1_000 };
    const latency = { per_output_token_ms: 10 };
    const simulation = one({
      limits,
      window: 'bucket_60s',
      charge: 'actual',
      output_tokens: 50,
      latency,
    });
    const [taken] = call(simulation, chat(undefined, { max_tokens: 900 }));
    const charged = (now: number): number[] => {
      const rows = simulation.stats(now).accounts['a']?.limits;
      return [rows?.tpm, rows?.itpm, rows?.otpm].map((row) => Math.round(row?.charged ?? 0));
    };
    assert.deepEqual(charged(0), [INPUT, INPUT, 0]);
    assert.deepEqual(charged(250), [INPUT + 25, INPUT, 25], 'half way');
    simulation.answer(taken, 'ok', 503);
    assert.deepEqual(charged(503), [INPUT + 50, INPUT, 50], 'a timer may be late');
  });

  it('counts in usage what it charges', () => {
    const simulation = one({ limits: { itpm: 1e6 }, output_tokens: { mean: 40, spread: 0.8 } });
    let [input, output] = [0, 0];
    for (let question = 0; question < 50; question += 1) {
      const { usage, choices } = JSON.parse(ask(simulation, chat(`Question ${question}?`)).body);
      input += usage.prompt_tokens;
      output += usage.completion_tokens;
      assert.equal(countTokens(choices[0].message.content), usage.completion_tokens);
    }
    const stats = simulation.stats(0).accounts['a'];
    assert.deepEqual([stats?.tokens_in, stats?.tokens_out], [input, output]);
    assert.equal(stats?.limits.itpm?.charged, input);
  });

  it('charges the maximum at admission and gives back what was not produced, where it is told to', () => {
    const settings = { window: 'bucket_60s', output_tokens: 30, limits: { tpm: 100_000 } } as const;
    const charged = (more: object): number => {
      const simulation = one({ ...settings, ...more });
      ask(simulation, chat(undefined, { max_tokens: 500 }));
      return simulation.stats(0).accounts['a']?.limits.tpm?.charged ?? 0;
    };
    const input = charged({ charge: 'actual' }) - 30;
    assert.equal(charged({ charge: 'max_tokens' }), input + 500);
    assert.equal(charged({ charge: 'released' }), input + 30);
    assert.equal(charged({ charge: 'actual', output_multiplier: 5 }), input + 150);
    assert.equal(charged({ charge: 'released', output_multiplier: 5 }), input + 150);
    assert.equal(charged({ charge: 'max_tokens', input_and_output: 'larger' }), 500);
  });

  it('never answers longer than the maximum, and says that it was cut off', () => {
    const simulation = one({ output_tokens: 100 });
    const { choices, usage } = JSON.parse(ask(simulation, chat(undefined, { max_tokens: 9 })).body);
    assert.equal(usage.completion_tokens, 9);
    assert.equal(choices[0].finish_reason, 'length');
  });

  it('has answers of the mean length asked for', () => {
    const simulation = one({
      output_tokens: { mean: 80, spread: 0.5 },
      default_max_tokens: 100_000,
    });
    for (let question = 0; question < 3_000; question += 1) ask(simulation, chat(`Q ${question}`));
    const mean = (simulation.stats(0).accounts['a']?.tokens_out ?? 0) / 3_000;
    assert.ok(Math.abs(mean - 80) < 4, `mean ${mean}`);
  });
});

describe('the count', () => {
  it('adds up at every moment, and by the ledger', () => {
    const endings = fc.array(fc.constantFrom('ok', 'aborted', 'dropped', 'open'), {
      maxLength: 60,
    });
    fc.assert(
      fc.property(endings, fc.integer({ min: 1, max: 60 }), (list, rpm) => {
        const options = { limits: { rpm }, window: 'bucket_60s' as const, error_rate: 0.2 };
        const simulation = one({ ...options, latency: { first_token_ms: 5 } }, { ledger: true });
        for (const ending of list) {
          const [taken, step] = call(simulation);
          if (step.do !== 'wait' || ending === 'open') continue;
          if (ending === 'aborted') simulation.abort(taken, 3);
          else simulation.answer(taken, ending, 5);
        }
        const stats = simulation.stats(5).accounts['a'];
        assert.ok(stats);
        const failed = Object.values(stats.failed).reduce((sum, count) => sum + count, 0);
        const { ok, limited, aborted, dropped, open } = stats;
        assert.equal(stats.calls, list.length);
        assert.equal(ok + limited + failed + aborted + dropped + open, stats.calls);
        assert.equal(stats.in_flight, open);
        assert.equal(simulation.ledger().filter(({ end }) => end === 'ok').length, ok);
        assert.equal(simulation.ledger().filter(({ end }) => end === null).length, open);
      }),
    );
  });

  it('keeps metadata and the key of a request in the ledger, never its text', () => {
    const simulation = one({}, { ledger: true });
    const body = chat('A secret question', { metadata: { line: '7' } });
    ask(simulation, body, { now: 12, key: 'k' });
    const entry = simulation.ledger()[0];
    assert.equal(entry?.key, requestKey(JSON.parse(body)));
    assert.deepEqual(entry?.metadata, { line: '7' });
    assert.deepEqual([entry?.at_ms, entry?.status, entry?.end], [12, 200, 'ok']);
    assert.ok(!JSON.stringify(entry).includes('secret'));
  });

  it('starts again with a reset; calls of before count nowhere but keep their place', () => {
    const limits = { rpm: 2, concurrency: 2 };
    const simulation = one({ limits, window: 'bucket_60s', latency: { first_token_ms: 5 } });
    const [old] = call(simulation);
    call(simulation);
    simulation.reset(100);
    const [, refused] = call(simulation, chat(), { now: 100 });
    assert.equal(refused.do === 'reply' && refused.reply.status, 429, 'two are still in flight');
    simulation.answer(old, 'ok', 105);
    assert.equal(call(simulation, chat(), { now: 110 })[1].do, 'wait', 'a filled bucket');
    const stats = simulation.stats(110).accounts['a'];
    assert.deepEqual([stats?.calls, stats?.ok, stats?.limited, stats?.open], [2, 0, 1, 1]);
    assert.equal(stats?.first_call_ms, 0);
    assert.equal(simulation.stats(110).now_ms, 10);
  });

  it('counts keys that nobody has', () => {
    const simulation = one();
    assert.equal(simulation.account('wrong'), undefined);
    assert.equal(simulation.account(undefined), undefined);
    assert.equal(simulation.stats(0).unknown_keys, 2);
  });
});
