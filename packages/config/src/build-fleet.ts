/** A checked config file → the fleet: deployments spread over their providers, budgets with roots, pools of ids. */
import type {
  Accounting,
  Budget,
  Deployment,
  Fleet,
  OutputCharge,
  Pool,
  Provider,
} from '@sluice/job';
import { maximumIn } from '@sluice/job';
import { findRoots } from './roots.ts';
import type { ConfigFile } from './schema/file.ts';
import { PROVIDER_TYPES } from './schema/provider-types.ts';
import type { ProviderType } from './schema/provider-types.ts';

type DeploymentEntry = ConfigFile['deployments'][string];
type PoolEntry = ConfigFile['pools'][string];

export function buildFleet(file: ConfigFile): Fleet {
  const providers = new Map(
    Object.entries(file.providers).map(([id, entry]) => [id, buildProvider(id, entry)]),
  );
  const unrooted = Object.entries(file.deployments).flatMap(([name, entry]) =>
    list(entry.provider).map((id) =>
      buildDeployment(name, entry, {
        provider: providers.get(id) as Provider,
        accounting: accountingOf(file, name, id),
      }),
    ),
  );
  const shared = new Set(Object.keys(file.budgets));
  const roots = findRoots(
    unrooted.map(({ budgets }) => budgets),
    shared,
  );
  const deployments = unrooted.map((one) => ({ ...one, root: roots.get(one.id) as string }));
  return {
    deployments: byId(deployments),
    budgets: byId(buildBudgets(file, deployments, roots)),
    pools: byId(Object.entries(file.pools).map(([id, pool]) => buildPool(id, pool, deployments))),
  };
}

const list = <T>(value: T | T[]): T[] => (Array.isArray(value) ? value : [value]);

const byId = <T extends { id: string }>(items: T[]): Map<string, T> =>
  new Map(items.map((item) => [item.id, item]));

function buildProvider(id: string, entry: ConfigFile['providers'][string]): Provider {
  const type: ProviderType = PROVIDER_TYPES[entry.type];
  return {
    id,
    type: entry.type,
    baseUrl: entry.base_url ?? type.baseUrl,
    apiKey: entry.api_key ?? null,
    headers: entry.headers,
  };
}

function buildDeployment(
  name: string,
  entry: DeploymentEntry,
  { provider, accounting }: Pick<Deployment, 'provider' | 'accounting'>,
): Omit<Deployment, 'root'> {
  const id =
    Array.isArray(entry.provider) && entry.provider.length > 1 ? `${name}@${provider.id}` : name;
  return {
    id,
    name,
    provider,
    model: entry.model,
    region: entry.region ?? null,
    weight: entry.weight,
    price: entry.price ? withoutUndefined(entry.price) : null,
    timeoutMs: entry.timeout_ms,
    budgets: [id, ...list(entry.budget ?? [])],
    params: entry.params,
    headers: entry.headers,
    query: entry.query,
    dropParams: entry.drop_params,
    defaultMaxTokens: entry.output_cap ?? maximumIn(entry.params) ?? entry.default_max_tokens,
    outputCap:
      entry.output_cap === null
        ? null
        : { tokens: entry.output_cap, param: entry.output_cap_param },
    accounting,
  };
}

/** Absent, not undefined: what zod calls optional and TypeScript's exactOptionalPropertyTypes does not. */
export const withoutUndefined = <T extends object>(
  value: T,
): { [K in keyof T]: Exclude<T[K], undefined> } =>
  Object.fromEntries(Object.entries(value).filter(([, inner]) => inner !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

function buildBudgets(
  file: ConfigFile,
  deployments: Deployment[],
  roots: Map<string, string>,
): Budget[] {
  const own = deployments.map((deployment): Budget => ({
    id: deployment.id,
    limits: withoutUndefined((file.deployments[deployment.name] as DeploymentEntry).limits),
    outputCharge: deployment.accounting.output,
    root: deployment.root,
  }));
  const shared = Object.entries(file.budgets).map(([id, { accounting, ...limits }]): Budget => ({
    id,
    limits: withoutUndefined(limits),
    outputCharge:
      outputOf(accounting) ??
      strictest(membersOf(id, deployments).map((one) => one.accounting.output)),
    root: roots.get(id) ?? id,
  }));
  return [...own, ...shared];
}

/** The deployments that draw on a budget. */
export const membersOf = (budget: string, deployments: Iterable<Deployment>): Deployment[] =>
  [...deployments].filter(({ budgets }) => budgets.includes(budget));

/** Whose word counts, setting by setting: the deployment's, its provider's, else what the vendor of the type does. */
function accountingOf(file: ConfigFile, name: string, provider: string): Accounting {
  const { type, accounting: account } = file.providers[provider] as ConfigFile['providers'][string];
  const own = file.deployments[name]?.accounting;
  const said = { ...account, ...own };
  const usual: Accounting = PROVIDER_TYPES[type].accounting;
  return {
    output: outputOf(said) ?? usual.output,
    cachedInput: said.cached_input ?? usual.cachedInput,
    failedRequests: said.failed_requests ?? usual.failedRequests,
    outputMultiplier: said.output_multiplier ?? usual.outputMultiplier,
    inputAndOutput: said.input_and_output ?? usual.inputAndOutput,
  };
}

/** A maximum that is given back is one that was charged. Null = nothing is said. */
function outputOf(
  said:
    | {
        output?: 'max_tokens' | 'actual' | undefined;
        reservation?: 'kept' | 'released' | undefined;
      }
    | undefined,
): OutputCharge | null {
  if (said?.output === 'actual') return 'actual';
  if (said?.reservation === 'released') return 'released';
  return said?.output ?? (said?.reservation === 'kept' ? 'max_tokens' : null);
}

/** Where members differ, the charge that can never overspend. */
const strictest = (charges: OutputCharge[]): OutputCharge =>
  (['max_tokens', 'released', 'actual'] as const).find((charge) => charges.includes(charge)) ??
  'max_tokens';

function buildPool(id: string, pool: PoolEntry, deployments: Deployment[]): Pool {
  const idsOf = (mention: string): string[] =>
    deployments.filter((one) => one.name === mention || one.id === mention).map((one) => one.id);
  return {
    id,
    strategy: typeof pool.strategy === 'string' ? { name: pool.strategy } : pool.strategy,
    tiers: pool.tiers.map((tier) => tier.flatMap(idsOf)),
    aliases: pool.aliases,
    on: pool.on,
    spillAfterMs: pool.spill_after_ms,
  };
}
