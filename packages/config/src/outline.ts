/**
 * Who names whom in a config file, read off the tree without trusting it: so that wrong names are reported
 * together with wrong values, not one start later. What has the wrong type is skipped; the schema reports that.
 */
import type { Path } from './mistake.ts';

/** A name with the place where it stands. */
export interface Mention {
  name: string;
  at: Path;
}

export interface DeploymentOutline {
  name: string;
  region: string | null;
  providers: Mention[];
  budgets: Mention[];
}

export interface PoolOutline {
  name: string;
  tiers: Mention[][];
  aliases: Mention[];
  strategy: Mention | null;
  /** Settings beside the strategy's name, and where its section stands. */
  strategySettings: Section;
  strategyAt: Path;
}

export interface Outline {
  providers: string[];
  deployments: DeploymentOutline[];
  budgets: string[];
  pools: PoolOutline[];
  tenants: { name: string; pools: Mention[]; keys: Mention[] }[];
  adminKeys: Mention[];
}

type Section = Record<string, unknown>;

export const section = (value: unknown): Section =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Section) : {};

/** One text or a list of texts. */
export function mentions(value: unknown, at: Path): Mention[] {
  if (typeof value === 'string') return [{ name: value, at }];
  if (!Array.isArray(value)) return [];
  return value.flatMap((item, i) =>
    typeof item === 'string' ? [{ name: item, at: [...at, i] }] : [],
  );
}

export function outline(tree: unknown): Outline {
  const file = section(tree);
  return {
    providers: Object.keys(section(file['providers'])),
    deployments: Object.entries(section(file['deployments'])).map(outlineDeployment),
    budgets: Object.keys(section(file['budgets'])),
    pools: Object.entries(section(file['pools'])).map(outlinePool),
    tenants: Object.entries(section(file['tenants'])).map(outlineTenant),
    adminKeys: mentions(section(file['admin'])['api_keys'], ['admin', 'api_keys']),
  };
}

function outlineDeployment([name, value]: [string, unknown]): DeploymentOutline {
  const { provider, budget, region } = section(value);
  const at = ['deployments', name];
  return {
    name,
    region: typeof region === 'string' ? region : null,
    providers: mentions(provider, [...at, 'provider']),
    budgets: mentions(budget, [...at, 'budget']),
  };
}

function outlinePool([name, value]: [string, unknown]): PoolOutline {
  const at = ['pools', name];
  if (Array.isArray(value)) {
    return {
      name,
      tiers: [mentions(value, at)],
      aliases: [],
      strategy: null,
      strategySettings: {},
      strategyAt: at,
    };
  }
  const { tiers, aliases, strategy } = section(value);
  return {
    name,
    tiers: Array.isArray(tiers) ? tiers.map((tier, i) => mentions(tier, [...at, 'tiers', i])) : [],
    aliases: mentions(aliases, [...at, 'aliases']),
    ...outlineStrategy(strategy, [...at, 'strategy']),
  };
}

function outlineStrategy(
  value: unknown,
  at: Path,
): Pick<PoolOutline, 'strategy' | 'strategySettings' | 'strategyAt'> {
  if (typeof value === 'string')
    return { strategy: { name: value, at }, strategySettings: {}, strategyAt: at };
  const { name, ...settings } = section(value);
  return {
    strategy: typeof name === 'string' ? { name, at: [...at, 'name'] } : null,
    strategySettings: settings,
    strategyAt: at,
  };
}

function outlineTenant([name, value]: [string, unknown]): Outline['tenants'][number] {
  const { pools, api_keys: keys } = section(value);
  const at = ['tenants', name];
  return {
    name,
    pools: mentions(pools, [...at, 'pools']),
    keys: mentions(keys, [...at, 'api_keys']),
  };
}
