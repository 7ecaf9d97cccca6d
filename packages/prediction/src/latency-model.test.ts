import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seededRandom } from '@sluice/testing';
import * as fc from 'fast-check';
import {
  type Call,
  type LatencyModel,
  NEW_LATENCY_MODEL,
  learn,
  predictMs,
} from './latency-model.ts';

/** A deployment: a + b·input + c·output + d·inFlight ms, times a noise of about ± 15 %. */
interface Truth {
  a: number;
  b: number;
  c: number;
  d: number;
}
const HOSTED: Truth = { a: 350, b: 0.08, c: 9, d: 12 };

const truthMs = ({ a, b, c, d }: Truth, { input, output, inFlight }: Call): number =>
  a + b * input + c * output + d * inFlight;

const anyCall = (random: () => number): Call => ({
  input: Math.floor(50 + 7_000 * random() ** 3),
  output: Math.floor(1 + 900 * random() ** 2),
  inFlight: Math.floor(40 * random()),
});

/** Log-normal with a standard deviation of 15 %. */
function noise(random: () => number): number {
  const normal = Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
  return Math.exp(0.15 * normal);
}

function taught(
  from: LatencyModel,
  truth: Truth,
  {
    calls,
    random,
    call = anyCall,
  }: { calls: number; random: () => number; call?: (random: () => number) => Call },
): LatencyModel {
  let model = from;
  for (let i = 0; i < calls; i += 1) {
    const each = call(random);
    model = learn(model, { ...each, tookMs: truthMs(truth, each) * noise(random) });
  }
  return model;
}

/** Mean of |predicted ÷ true − 1| over 300 new calls. */
function errorOf(model: LatencyModel, truth: Truth, seed = 99): number {
  const random = seededRandom(seed);
  let sum = 0;
  for (let i = 0; i < 300; i += 1) {
    const call = anyCall(random);
    sum += Math.abs(predictMs(model, call) / truthMs(truth, call) - 1);
  }
  return sum / 300;
}

const percent = (part: number): string => `${(100 * part).toFixed(1)} %`;

test('comes to within a few percent of the truth, with ± 15 % of noise', (t) => {
  for (const seed of [1, 2, 3]) {
    const random = seededRandom(seed);
    let model = NEW_LATENCY_MODEL;
    const errors = [30, 170, 800].map((calls) => {
      model = taught(model, HOSTED, { calls, random });
      return errorOf(model, HOSTED);
    });
    t.diagnostic(
      `seed ${seed}: off by ${errors.map(percent).join(', ')} after 30, 200, 1,000 answers`,
    );
    assert.ok((errors[0] as number) < 0.3, percent(errors[0] as number));
    assert.ok((errors[2] as number) < 0.06, percent(errors[2] as number));
  }
});

test('learns that a deployment has become three times slower', (t) => {
  for (const seed of [4, 5, 6]) {
    const random = seededRandom(seed);
    const slow = { a: 1_050, b: 0.24, c: 27, d: 36 };
    let model = taught(NEW_LATENCY_MODEL, HOSTED, { calls: 1_000, random });
    const errors = [0, 30, 70, 300, 600].map((calls) => {
      model = taught(model, slow, { calls, random });
      return errorOf(model, slow);
    });
    t.diagnostic(
      `seed ${seed}: off by ${errors.map(percent).join(', ')} after 0, 30, 100, 400, 1,000 answers`,
    );
    assert.ok((errors[1] as number) < 0.5, 'half of the way within 30');
    assert.ok((errors[2] as number) < 0.1, 'all of it within 100');
    assert.ok((errors[4] as number) < 0.08);
  }
});

test('tells one effect from another', () => {
  const model = taught(NEW_LATENCY_MODEL, HOSTED, { calls: 2_000, random: seededRandom(7) });
  const at = (call: Partial<Call>): number =>
    predictMs(model, { input: 1_000, output: 200, inFlight: 5, ...call });
  const perOutput = (at({ output: 600 }) - at({ output: 200 })) / 400;
  const perInput = (at({ input: 5_000 }) - at({ input: 1_000 })) / 4_000;
  const perCall = (at({ inFlight: 35 }) - at({ inFlight: 5 })) / 30;
  assert.ok(Math.abs(perOutput / HOSTED.c - 1) < 0.15, `${perOutput} ms per output token`);
  assert.ok(Math.abs(perInput / HOSTED.b - 1) < 0.3, `${perInput} ms per input token`);
  assert.ok(Math.abs(perCall / HOSTED.d - 1) < 0.4, `${perCall} ms per call in flight`);
});

test('predicts from the first answer on, by tokens', () => {
  const model = learn(NEW_LATENCY_MODEL, { input: 100, output: 100, inFlight: 0, tookMs: 4_000 });
  const short = predictMs(model, { input: 100, output: 100, inFlight: 0 });
  const long = predictMs(model, { input: 100, output: 1_000, inFlight: 0 });
  assert.ok(Math.abs(short - 4_000) < 1, `${short}`);
  assert.ok(long > 3 * short, `${long}`);
});

test('jobs all alike teach it that job, and no nonsense about others', () => {
  const call = { input: 300, output: 40, inFlight: 3 };
  const random = seededRandom(8);
  const model = taught(NEW_LATENCY_MODEL, HOSTED, { calls: 5_000, random, call: () => call });
  assert.ok(Math.abs(predictMs(model, call) / truthMs(HOSTED, call) - 1) < 0.1);
  const other = { input: 4_000, output: 800, inFlight: 30 };
  const ratio = predictMs(model, other) / truthMs(HOSTED, other);
  assert.ok(ratio > 0.3 && ratio < 3, `${ratio}`);
});

const alike = (): Call => ({ input: 300, output: 40, inFlight: 3 });

test('after thousands alike, the first unusual ones do not throw it off', () => {
  const random = seededRandom(9);
  let model = taught(NEW_LATENCY_MODEL, HOSTED, { calls: 5_000, random, call: alike });
  model = taught(model, HOSTED, { calls: 60, random });
  assert.ok(errorOf(model, HOSTED) < 0.3, percent(errorOf(model, HOSTED)));
});

test('one absurd answer hardly counts', () => {
  const before = taught(NEW_LATENCY_MODEL, HOSTED, { calls: 500, random: seededRandom(10) });
  const call = { input: 500, output: 100, inFlight: 2 };
  const after = learn(before, { ...call, tookMs: 900_000 });
  assert.ok(predictMs(after, call) < 4 * predictMs(before, call));
});

const number = fc.oneof(
  fc.double({ min: 0, max: 1e7, noNaN: true }),
  fc.constantFrom(0, -1, Number.NaN, Infinity, 1e300, 1e-300),
);
const call = fc.record(
  { input: number, output: number, inFlight: number },
  { noNullPrototype: true },
);

test('whatever it is told: from 1 ms to a day, and nothing changed in place', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(call, number), { maxLength: 60 }), call, (history, asked) => {
      let model = NEW_LATENCY_MODEL;
      for (const [each, tookMs] of history) {
        const before = structuredClone(model);
        const next = learn(model, { ...each, tookMs });
        assert.deepEqual(model, before);
        model = next;
      }
      const ms = predictMs(model, asked);
      assert.ok(ms >= 1 && ms <= 86_400_000, `${ms}`);
      assert.deepEqual(JSON.parse(JSON.stringify(model)), model, 'plain data');
    }),
  );
});
