/** What a correct config file says that its author may not have meant. Sentences, without secrets. */
import type { Deployment, Fleet, Tenant } from '@sluice/job';
import { membersOf } from './build-fleet.ts';
import type { ConfigFile } from './schema/file.ts';

export function findWarnings(file: ConfigFile, fleet: Fleet, tenants: Tenant[]): string[] {
  const deployments = [...fleet.deployments.values()];
  return [
    ...unusedProviders(file, deployments),
    ...unplaced(fleet, deployments),
    ...budgetWarnings(file, deployments),
    ...moneyWithoutPrice(fleet, deployments),
    ...openKeys(fleet),
    ...closedAdmin(file, tenants),
    ...shortKeys(file),
  ];
}

function unusedProviders(file: ConfigFile, deployments: Deployment[]): string[] {
  const used = new Set(deployments.map(({ provider }) => provider.id));
  return Object.keys(file.providers)
    .filter((id) => !used.has(id))
    .map((id) => `providers.${id}: no deployment uses it`);
}

function unplaced(fleet: Fleet, deployments: Deployment[]): string[] {
  const placed = new Set([...fleet.pools.values()].flatMap(({ tiers }) => tiers.flat()));
  return deployments
    .filter(({ id }) => !placed.has(id))
    .map(
      ({ id, name }) => `deployments.${name}: no pool has ${id}; only deployment/${id} reaches it`,
    );
}

function budgetWarnings(file: ConfigFile, deployments: Deployment[]): string[] {
  return Object.entries(file.budgets).flatMap(([id, budget]) => {
    const members = membersOf(id, deployments);
    if (members.length === 0) return [`budgets.${id}: no deployment draws on it`];
    const charges = new Set(members.map(({ accounting }) => accounting.output));
    if (budget.accounting || charges.size < 2) return [];
    return [
      `budgets.${id}: its deployments count output differently; the most careful way is used for all, set accounting to choose`,
    ];
  });
}

function moneyWithoutPrice(fleet: Fleet, deployments: Deployment[]): string[] {
  return deployments
    .filter(({ price, budgets }) => price === null && budgets.some((id) => limitsMoney(fleet, id)))
    .map(
      ({ name, id }) =>
        `deployments.${name}: without a price ${id} does not count against its limit in US dollars`,
    );
}

function limitsMoney(fleet: Fleet, id: string): boolean {
  const limits = fleet.budgets.get(id)?.limits;
  return limits?.usd_per_day !== undefined || limits?.usd_per_month !== undefined;
}

function openKeys(fleet: Fleet): string[] {
  const providers = new Map(
    [...fleet.deployments.values()].map(({ provider }) => [provider.id, provider]),
  );
  return [...providers.values()]
    .filter(
      ({ baseUrl, apiKey }) =>
        apiKey !== null && baseUrl.startsWith('http:') && !isLoopback(new URL(baseUrl).hostname),
    )
    .map(({ id }) => `providers.${id}: its key travels unencrypted over http://`);
}

/** Whether a host name or address is this machine. */
export const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '[::1]' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

const closedAdmin = (file: ConfigFile, tenants: Tenant[]): string[] =>
  tenants.length > 0 && !file.admin
    ? ['admin: with tenants and without admin.api_keys, /admin and /metrics answer 403']
    : [];

/** Below this a key can be guessed by trying; `npm run -s key` makes 42 characters. */
const SAFE_CHARACTERS = 16;

/** Of one that stands there as its hash nobody knows. Says neither the key nor how long it is. */
function shortKeys({ tenants, admin }: ConfigFile): string[] {
  const lists = [
    ...Object.entries(tenants).map(([id, entry]) => [`tenants.${id}`, entry.api_keys] as const),
    ['admin', admin?.api_keys ?? []] as const,
  ];
  return lists.flatMap(([path, keys]) =>
    keys.flatMap((key, i) =>
      key.length >= SAFE_CHARACTERS
        ? []
        : [
            `${path}.api_keys[${i}]: a key of fewer than ${SAFE_CHARACTERS} characters can be guessed; \`npm run -s key\` makes a safe one`,
          ],
    ),
  );
}
