/** What an operator has set over the config: per deployment a weight, a state, single limits; per shared budget limits. Pure. */
import type { Budget, Deployment, Fleet, Limits } from '@sluice/job';

/** `draining`: nothing new; what is placed is finished. `paused`: what is in flight is finished, the rest goes elsewhere. */
export type Wish = 'active' | 'draining' | 'paused';

export interface Override {
  weight?: number;
  state?: Exclude<Wish, 'active'>;
  /** Only the limits that are overridden. */
  limits?: Partial<Limits>;
}

/** `null` clears; what is absent stays as it is. */
export interface OverridePatch {
  weight?: number | null;
  state?: Wish | null;
  limits?: { [Name in keyof Limits]?: number | null } | null;
}

const LIMITS: Record<keyof Limits, true> = {
  rpm: true,
  tpm: true,
  itpm: true,
  otpm: true,
  rpd: true,
  tpd: true,
  concurrency: true,
  usd_per_day: true,
  usd_per_month: true,
};
export const limitNames = Object.keys(LIMITS) as (keyof Limits)[];

/** What the override of a shared budget stands under: never mistaken for a deployment's of that name, removed or to come. */
export const sharedBudget = (budget: string): string => `budget/${budget}`;

const ownerOf = ({ id }: Budget, { deployments }: Fleet): string =>
  deployments.has(id) ? id : sharedBudget(id);

/** How an override stands in Redis: `<deployment> weight`, `… state`, `… limits.rpm`, `budget/<budget> limits.rpm`. One field each, so that two operators who set different things do not undo each other. */
export interface FieldChanges {
  set: Record<string, string>;
  clear: string[];
}

export function fieldChanges(deployment: string, patch: OverridePatch): FieldChanges {
  const set: Record<string, string> = {};
  const clear: string[] = [];
  const put = (name: string, value: string | number | null | undefined): void => {
    if (value === undefined) return;
    if (value === null) clear.push(`${deployment} ${name}`);
    else set[`${deployment} ${name}`] = String(value);
  };
  put('weight', patch.weight);
  put('state', patch.state === 'active' ? null : patch.state);
  if (patch.limits === null) for (const name of limitNames) put(`limits.${name}`, null);
  else for (const name of limitNames) put(`limits.${name}`, patch.limits?.[name]);
  return { set, clear };
}

/** What stands in Redis, by deployment. Fields that this version does not know are left alone. */
export function readOverrides(fields: Readonly<Record<string, string>>): Map<string, Override> {
  const overrides = new Map<string, Override>();
  for (const [field, value] of Object.entries(fields)) {
    const [id = '', name = ''] = field.split(' ');
    const override = overrides.get(id) ?? {};
    overrides.set(id, { ...override, ...oneField(override, name, value) });
  }
  return overrides;
}

function oneField(override: Override, name: string, value: string): Override {
  if (name === 'weight') return { weight: Number(value) };
  if (name === 'state') return value === 'draining' || value === 'paused' ? { state: value } : {};
  const limit = limitNames.find((one) => name === `limits.${one}`);
  return limit === undefined ? {} : { limits: { ...override.limits, [limit]: Number(value) } };
}

/** The fleet of the config as the overrides make it; what they do not touch is the same object. */
export function overriddenFleet(fleet: Fleet, overrides: ReadonlyMap<string, Override>): Fleet {
  const deployment = (one: Deployment): Deployment => {
    const weight = overrides.get(one.id)?.weight;
    return weight === undefined ? one : { ...one, weight };
  };
  const budget = (one: Budget): Budget => {
    const { limits } = overrides.get(ownerOf(one, fleet)) ?? {};
    return limits ? { ...one, limits: { ...one.limits, ...limits } } : one;
  };
  return {
    deployments: mapped(fleet.deployments, deployment),
    budgets: mapped(fleet.budgets, budget),
    pools: fleet.pools,
  };
}

const mapped = <T>(map: ReadonlyMap<string, T>, change: (value: T) => T): Map<string, T> =>
  new Map([...map].map(([id, value]) => [id, change(value)]));
