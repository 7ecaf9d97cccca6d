/** What a pool is to a job that ran somewhere: where its strategy keeps jobs to arms, one without the others' deployments. */
import type { Asked } from './candidate.ts';
import { isOpenTo } from './strategy.ts';
import { strategyFor } from './strategies.ts';
import type { Strategy } from './strategy.ts';

interface Section {
  name: string;
  [setting: string]: unknown;
}

/** Made once per section: it is asked for every call that fails. Unseen from outside, so still pure. */
const made = new WeakMap<Section, Strategy | null>();

function strategyOf(section: Section): Strategy | null {
  const known = made.get(section);
  if (known !== undefined) return known;
  const strategy = strategyFor(section);
  made.set(section, strategy);
  return strategy;
}

export interface Tiered {
  strategy: Section;
  tiers: string[][];
}

/** The tiers that are open to a job that was given to this deployment, in their order. */
export const keptTiers = (pool: Tiered, deployment: string): string[][] =>
  tiersFor(pool, strategyOf(pool.strategy)?.keeping?.armOf(deployment) ?? null);

/** The tiers that are open to jobs kept to the arm; null = to none. */
export function tiersFor({ strategy, tiers }: Tiered, arm: string | null): string[][] {
  const keeping = strategyOf(strategy)?.keeping;
  if (keeping === undefined || arm === null) return tiers;
  return tiers.map((tier) => tier.filter((id) => isOpenTo(keeping, arm, id)));
}

/** Whether nothing of the pool is ever given to this deployment: its jobs are kept to arms, and its arm gets none of them. */
export function getsNothing({ strategy }: Pick<Tiered, 'strategy'>, deployment: string): boolean {
  const keeping = strategyOf(strategy)?.keeping;
  const arm = keeping?.armOf(deployment) ?? null;
  return keeping !== undefined && arm !== null && !keeping.shares(null).has(arm);
}

/** Which deployments its jobs may use, for each arm that they are kept to: all of `maxTier` tiers that are `eligible`. */
export function reachesOf(
  pool: Tiered,
  { maxTier, eligible }: Pick<Asked, 'maxTier' | 'eligible'> = WHOLE,
): string[][] {
  const shares = sharesOf(pool, eligible);
  const arms = shares === null ? [null] : [...shares.keys()];
  return arms.map((arm) => {
    const allowed = tiersFor(pool, arm)
      .slice(0, maxTier ?? Infinity)
      .flat();
    return eligible === null ? allowed : allowed.filter((id) => eligible.has(id));
  });
}

const WHOLE = { maxTier: null, eligible: null };

/** What part of its jobs each arm is to get, see `Keeping`; null = the pool keeps jobs to none. */
export const sharesOf = (
  { strategy }: Pick<Tiered, 'strategy'>,
  eligible: ReadonlySet<string> | null,
): ReadonlyMap<string, number> | null => strategyOf(strategy)?.keeping?.shares(eligible) ?? null;
