/** Every kind of strategy, as tests run it: with nothing set where that is possible, and with settings where it has some. */
import assert from 'node:assert/strict';
import { STRATEGY_KINDS } from './strategies.ts';
import type { Strategy } from './strategy.ts';

interface Example {
  title: string;
  strategy: Strategy;
}

/** `ids`: deployments for settings that name some, at least three. */
export function exampleStrategies(ids: readonly string[]): Example[] {
  const [a, b, c] = ids as [string, string, string];
  const settings: Record<string, Record<string, unknown>[]> = {
    adaptive: [{}, { hot_ms: 0, hot_slots: 0 }],
    cost: [{}, { within_percent: 50, max_wait_ms: 0 }],
    hash: [{}, { epsilon: 0 }],
    split: [
      { arms: { [a]: 70, [b]: 30, [c]: 0 } },
      { arms: { [a]: 70, [b]: 30, [c]: 0 }, strict: true },
    ],
    region: [{ prefer: ['near', 'region-1'] }],
  };
  return STRATEGY_KINDS.flatMap((kind) =>
    (settings[kind.name] ?? [{}]).map((each) => {
      const made = kind.make(each, null);
      assert.ok(made.ok, kind.name);
      return { title: `${kind.name} ${JSON.stringify(each)}`, strategy: made.strategy };
    }),
  );
}
