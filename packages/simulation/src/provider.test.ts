import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Deployment } from '@sluice/job';
import { behaviour, exampleFleet, exampleJob, scenario } from './example-scenario.ts';
import { answerTokens } from './provider.ts';
import type { Provider } from './provider.ts';
import { createProviders } from './providers.ts';
import type { Behaviour } from './scenario.ts';

const exact = { baseMs: 100, perInputToken: 1, perOutputToken: 10, jitter: 0 };

function providerWith(change: Partial<Behaviour>, limits = {}): Provider {
  const behaviours = new Map([['d', behaviour({ latency: exact, ...change })]]);
  const made = createProviders(scenario(exampleFleet({ d: limits }), [], { behaviours }));
  return made.of.get('d') as Provider;
}

const asking = (now: number, job = exampleJob()) => ({ job, index: 0, attempt: 0, now });

test('a call takes as long as its tokens say, and is cut off at its maximum', () => {
  const provider = providerWith({});
  assert.equal(provider.call(asking(0)).takesMs, 100 + 100 + 500);
  const short = provider.call(asking(0, exampleJob({ maxOutput: 5 })));
  assert.deepEqual([short.takesMs, short.outputTokens], [250, 5]);
});

test("a deployment's cap cuts off what sets no maximum of its own", () => {
  const fleet = exampleFleet({ d: {} });
  const outputCap = { tokens: 20, param: 'max_tokens' } as const;
  const capped = { ...(fleet.deployments.get('d') as Deployment), outputCap, defaultMaxTokens: 20 };
  assert.equal(answerTokens(capped, exampleJob()), 20);
  assert.equal(answerTokens(capped, exampleJob({ maxOutput: 30 })), 30);
  assert.equal(answerTokens(capped, exampleJob({ outputTokens: 7 })), 7);
  const byParams = { ...capped, outputCap: null, params: { max_tokens: 20 } };
  assert.equal(answerTokens(byParams, exampleJob()), 20);
  assert.equal(answerTokens({ ...byParams, params: {} }, exampleJob()), 50);
});

test('a full window refuses with the wait, and the true limit counts, not the configured one', () => {
  const provider = providerWith({ limits: { rpm: 60 }, window: 'bucket_10s' }, { rpm: 6_000 });
  for (let call = 0; call < 10; call += 1)
    assert.equal(provider.call(asking(0)).outcome, 'ok', `call ${call}`);
  const refused = provider.call(asking(0));
  assert.deepEqual(
    [refused.outcome, refused.limit, refused.retryAfterMs],
    ['rate_limited', 'rpm', 1_000],
  );
  assert.equal(provider.call(asking(1_001)).outcome, 'ok');
});

test('the wait of a 429 is said as the wire format says it', () => {
  const limits = { d: { rpm: 100 } };
  const fleet = exampleFleet(limits);
  const deployment = fleet.deployments.get('d') as Deployment;
  const waitOf = (type: string): number | null => {
    const typed = { ...deployment, provider: { ...deployment.provider, type } };
    const about = { ...fleet, deployments: new Map([['d', typed]]) };
    const provider = createProviders(scenario(about, [])).of.get('d') as Provider;
    for (let call = 0; ; call += 1) {
      const { outcome, retryAfterMs } = provider.call(asking(0));
      if (outcome !== 'ok') return retryAfterMs;
      assert.ok(call < 10, 'it refuses at last');
    }
  };
  assert.equal(waitOf('openai'), 200);
  assert.equal(waitOf('anthropic'), 1_000);
});

test('an outage lasts from its beginning to its end; hanging calls end by their timeout', () => {
  const outages = [
    { fromMs: 1_000, toMs: 2_000, kind: 'overloaded', factor: 1 },
    { fromMs: 5_000, toMs: 6_000, kind: 'hang', factor: 1 },
    { fromMs: 8_000, toMs: 9_000, kind: 'slow', factor: 3 },
  ] as const;
  const provider = providerWith({ outages });
  const outcomes = [999, 1_000, 1_999, 2_000].map((now) => provider.call(asking(now)).outcome);
  assert.deepEqual(outcomes, ['ok', 'overloaded', 'overloaded', 'ok']);
  const hanging = provider.call(asking(5_500));
  assert.deepEqual([hanging.outcome, hanging.takesMs], ['timeout', 10_000]);
  assert.equal(provider.call(asking(8_500)).takesMs, 2_100);
});

test('failures come in their shares, and luck depends on the call alone', () => {
  const provider = providerWith({ failures: { timeout: 0.1, overloaded: 0.2 } });
  const outcomes = Array.from(
    { length: 4_000 },
    (_, index) => provider.call({ job: exampleJob(), index, attempt: 0, now: 0 }).outcome,
  );
  const share = (kind: string): number => outcomes.filter((each) => each === kind).length / 4_000;
  assert.ok(Math.abs(share('timeout') - 0.1) < 0.02, `timeout ${share('timeout')}`);
  assert.ok(Math.abs(share('overloaded') - 0.2) < 0.03, `overloaded ${share('overloaded')}`);
  const again = providerWith({ failures: { timeout: 0.1, overloaded: 0.2 } });
  const same = { job: exampleJob(), index: 17, attempt: 0, now: 123 };
  assert.equal(again.call(same).outcome, outcomes[17]);
});
