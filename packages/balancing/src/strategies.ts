/** Every strategy there is, by the name it has in the config file. A new one is its file and a line here. */
import { capacity } from './capacity.ts';
import { roundRobin } from './round-robin.ts';
import type { Strategy } from './strategy.ts';
import { weighted } from './weighted.ts';

export const STRATEGIES: readonly Strategy[] = [capacity, weighted, roundRobin];

export const STRATEGY_NAMES: readonly string[] = STRATEGIES.map(({ name }) => name);

/** The strategy of this name, or null when there is none. */
export const strategyNamed = (name: string): Strategy | null =>
  STRATEGIES.find((strategy) => strategy.name === name) ?? null;
