/** Whether a strategy can be tried on these pools: one that needs settings only where the pool has them. */
import { strategyNamed } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import { mistake } from './mistake.ts';

/** Throws InputMistake. */
export function checkStrategy(name: string, { pools }: Fleet): void {
  if (strategyNamed(name)) return;
  const without = [...pools.values()].find(({ strategy }) => strategy.name !== name);
  if (!without) return;
  throw mistake(
    '--strategy',
    name,
    `it needs settings, which pool ${without.id} does not have: set \`strategy: { name: ${name}, … }\` in the config`,
  );
}
