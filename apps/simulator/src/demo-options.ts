/** The three providers of the demo: limits as its config states them, pace of a small hosted model. */
import type { SimulatorOptions } from './options.ts';

/** About 0.35 s to the first token, then 100 tokens a second. */
const SMALL_MODEL = { first_token_ms: 350, per_output_token_ms: 10, jitter: 0.2 };

function account(key: string, rpm: number): SimulatorOptions['accounts'][string] {
  return {
    key,
    limits: { rpm },
    window: 'bucket_1s',
    latency: SMALL_MODEL,
    output_tokens: { mean: 60, spread: 0.5 },
    default_max_tokens: 256,
  };
}

export const demoOptions: SimulatorOptions = {
  accounts: {
    'sim-a': account('sim-a', 900),
    'sim-b': account('sim-b', 600),
    'sim-c': account('sim-c', 300),
  },
};
