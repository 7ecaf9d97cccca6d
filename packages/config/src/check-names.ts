/** Checks that every name in a config file names something, and nothing is named twice where that has no meaning. */
import { createHash } from 'node:crypto';
import { STRATEGY_NAMES } from '@sluice/balancing';
import { checkSettings } from './check-settings.ts';
import { didYouMean } from './did-you-mean.ts';
import type { Mistake } from './mistake.ts';
import { showFound, showPath } from './mistake.ts';
import type { Mention, Outline, PoolOutline } from './outline.ts';

export function checkNames(file: Outline): Mistake[] {
  return [
    ...checkDeployments(file),
    ...checkBudgets(file),
    ...file.pools.flatMap((pool) => checkPool(pool, file)),
    ...checkAliases(file),
    ...checkTenants(file),
    ...checkKeys(file),
  ];
}

/** `sha256:<hex>` of an API key, whichever way it was written. */
export const hashKey = (key: string): string =>
  key.startsWith('sha256:') ? key : `sha256:${createHash('sha256').update(key).digest('hex')}`;

/** Every name a tier can use: `mini`, and `mini@a`, `mini@b` where it lists several providers. */
function deploymentNames(file: Outline): string[] {
  return file.deployments.flatMap(({ name, providers }) =>
    providers.length > 1
      ? [name, ...providers.map((provider) => `${name}@${provider.name}`)]
      : [name],
  );
}

function checkDeployments(file: Outline): Mistake[] {
  return file.deployments.flatMap(({ providers, budgets }) => [
    ...unknown(providers, file.providers, 'a provider'),
    ...repeated(providers),
    ...unknown(budgets, file.budgets, 'a budget'),
    ...repeated(budgets),
  ]);
}

/** A deployment's own limits are a budget named as it, so no other may have that name. */
function checkBudgets(file: Outline): Mistake[] {
  const taken = new Set(file.deployments.map(({ name }) => name));
  return file.budgets
    .filter((budget) => taken.has(budget))
    .map((budget) =>
      mistake({ name: budget, at: ['budgets', budget] }, 'a name that no deployment has'),
    );
}

function checkPool(pool: PoolOutline, file: Outline): Mistake[] {
  const all = pool.tiers.flat();
  return [
    ...unknown(all, deploymentNames(file), 'a deployment'),
    ...repeated(all),
    ...checkWholeAndPart(all),
    ...checkStrategy(pool, file),
  ];
}

/** `mini` means all of `mini@…`: naming one of them as well would name it twice. */
function checkWholeAndPart(all: Mention[]): Mistake[] {
  const names = new Set(all.map(({ name }) => name));
  return all
    .filter(({ name }) => name.includes('@') && names.has(name.split('@')[0] as string))
    .map((mention) =>
      mistake(mention, 'each deployment once in a pool: the name without @ means all of it'),
    );
}

function checkStrategy(pool: PoolOutline, { deployments }: Outline): Mistake[] {
  if (!pool.strategy) return [];
  const mistakes = unknown([pool.strategy], STRATEGY_NAMES, 'a strategy');
  return mistakes.length > 0 ? mistakes : checkSettings(pool, deployments);
}

function checkAliases(file: Outline): Mistake[] {
  const taken = new Map(file.pools.map(({ name }) => [name, `the pool ${name}`]));
  return file.pools.flatMap((pool) =>
    pool.aliases.flatMap((alias) => {
      if (alias.name.startsWith('deployment/'))
        return [mistake(alias, 'a name not beginning with deployment/, which names a deployment')];
      const owner = taken.get(alias.name);
      if (owner !== undefined) return [mistake(alias, `a name that is not taken: ${owner} has it`)];
      taken.set(alias.name, `an alias of the pool ${pool.name}`);
      return [];
    }),
  );
}

function checkTenants(file: Outline): Mistake[] {
  const pools = file.pools.map(({ name }) => name);
  return file.tenants.flatMap((tenant) => [
    ...unknown(tenant.pools, pools, 'a pool'),
    ...repeated(tenant.pools),
  ]);
}

/** A key must say who calls, so it may stand once in the whole file. */
function checkKeys(file: Outline): Mistake[] {
  const owners = new Map<string, string>();
  const all = [
    ...file.tenants.flatMap(({ name, keys }) =>
      keys.map((key) => ({ key, owner: `tenant ${name}` })),
    ),
    ...file.adminKeys.map((key) => ({ key, owner: 'admin' })),
  ];
  return all.flatMap(({ key, owner }) => {
    const hash = hashKey(key.name);
    const first = owners.get(hash);
    owners.set(hash, first ?? owner);
    if (first === undefined) return [];
    const found = `a key that ${first} has too`;
    return [{ path: showPath(key.at), at: key.at, found, allowed: 'each key once' }];
  });
}

export function unknown(mentions: Mention[], known: readonly string[], what: string): Mistake[] {
  return mentions
    .filter(({ name }) => !known.includes(name))
    .map((mention) => mistake(mention, suggest(mention.name, known, what)));
}

function suggest(word: string, known: readonly string[], what: string): string {
  if (known.length === 0) return `${what}, but there are none`;
  const near = didYouMean(word, known);
  const list = known.length > 20 ? `${known.slice(0, 20).join(', ')}, …` : known.join(', ');
  return `${near === null ? '' : `did you mean \`${near}\`? `}${what}: ${list}`;
}

export function repeated(mentions: Mention[]): Mistake[] {
  const seen = new Set<string>();
  return mentions
    .filter(({ name }) => seen.has(name) || !seen.add(name))
    .map((mention) => ({
      ...mistake(mention, 'each once'),
      found: `${showFound(mention.name, [])} again`,
    }));
}

const mistake = ({ name, at }: Mention, allowed: string): Mistake => ({
  path: showPath(at),
  at,
  found: showFound(name, at),
  allowed,
});
