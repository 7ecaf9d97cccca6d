/** Checks the settings of a pool's strategy: the strategy itself says what they may be, for the pool's deployments. */
import { type Members, strategyKind } from '@sluice/balancing';
import type { Mistake } from './mistake.ts';
import { showFound, showPath } from './mistake.ts';
import type { DeploymentOutline, PoolOutline } from './outline.ts';

export function checkSettings(pool: PoolOutline, deployments: DeploymentOutline[]): Mistake[] {
  const { strategy, strategySettings, strategyAt } = pool;
  const made = strategyKind(strategy?.name ?? '')?.make(
    strategySettings,
    membersOf(pool, deployments),
  );
  if (!made || made.ok) return [];
  return made.mistakes.map(({ path, found, foundInWords, allowed }) => {
    const at = [...strategyAt, ...path];
    return { path: showPath(at), at, found: foundInWords ?? showFound(found, at), allowed };
  });
}

/** The pool's deployments by tier, as settings may name them. */
const membersOf = (pool: PoolOutline, deployments: DeploymentOutline[]): Members =>
  pool.tiers.map((tier) =>
    tier.flatMap((mention) =>
      deployments.flatMap(({ name, providers, region }) =>
        idsOf(name, providers)
          .filter((id) => id === mention.name || name === mention.name)
          .map((id) => ({ id, name, region })),
      ),
    ),
  );

const idsOf = (name: string, providers: DeploymentOutline['providers']): string[] =>
  providers.length > 1 ? providers.map((provider) => `${name}@${provider.name}`) : [name];
