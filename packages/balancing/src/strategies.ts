/** Every strategy there is, by the name it has in the config file. A new one is its file and a line here. */
import { adaptiveKind } from './adaptive.ts';
import { capacityKind } from './capacity.ts';
import { costKind } from './cost.ts';
import { errorWeightedKind } from './error-weighted.ts';
import { hashKind } from './hash.ts';
import { latencyKind } from './latency.ts';
import { leastBusyKind } from './least-busy.ts';
import { randomKind } from './random.ts';
import { regionKind } from './region.ts';
import { roundRobinKind } from './round-robin.ts';
import type { StrategyKind } from './settings.ts';
import { splitKind } from './split.ts';
import type { Strategy } from './strategy.ts';
import { weightedKind } from './weighted.ts';

export const STRATEGY_KINDS: readonly StrategyKind[] = [
  capacityKind,
  weightedKind,
  roundRobinKind,
  randomKind,
  leastBusyKind,
  latencyKind,
  adaptiveKind,
  costKind,
  errorWeightedKind,
  hashKind,
  splitKind,
  regionKind,
];

export const STRATEGY_NAMES: readonly string[] = STRATEGY_KINDS.map(({ name }) => name);

/** The kind of this name, or null when there is none. */
export const strategyKind = (name: string): StrategyKind | null =>
  STRATEGY_KINDS.find((kind) => kind.name === name) ?? null;

/** The strategy that a pool's section describes; null where it is wrong. Make it once per pool: it is kept, not remade. */
export function strategyFor(section: { name: string } & Record<string, unknown>): Strategy | null {
  const { name, ...settings } = section;
  const made = strategyKind(name)?.make(settings, null);
  return made?.ok ? made.strategy : null;
}

const UNSET = new Map(STRATEGY_NAMES.map((name) => [name, strategyFor({ name })]));

/** The strategy of this name with nothing set; null when there is none, or it needs settings. */
export const strategyNamed = (name: string): Strategy | null => UNSET.get(name) ?? null;
