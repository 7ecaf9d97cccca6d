/** What `npm start` shows when everything is up. Pure. */
import type { Budget, Fleet, Limits, Pool } from '@sluice/job';

export interface ScreenFacts {
  fleet: Fleet;
  /** `demo`, or the config file's path as the user knows it. */
  source: string;
  host: string;
  port: number;
  /** Whether clients need a key of a tenant. */
  tenants: boolean;
  warnings: readonly string[];
}

export function screen(facts: ScreenFacts): string {
  const isDemo = facts.source === 'demo';
  const api = `http://${reachable(facts.host)}:${facts.port}`;
  const pools = [...facts.fleet.pools.values()];
  const width = Math.max(6, ...pools.map(({ id }) => id.length)) + 2;
  const row = (name: string, text: string): string => `${name.padEnd(width)}${text}`;
  const shown = new Set<string>();
  return [
    `Sluice · ${headline(facts)}`,
    row('API', `${api}/v1   ${facts.tenants ? '(a key of a tenant)' : '(any key)'}`),
    row('Queues', `${api}/admin/queues      Docs  ${api}/docs`),
    ...pools.map((pool) => row(pool.id, describePool(pool, facts.fleet, shown))),
    `One job:        ${curl(facts, pools[0]?.id ?? '')}`,
    ...(isDemo
      ? ['1,000 prompts:  npm run demo', 'Your own keys:  cp sluice.example.yaml sluice.yaml']
      : []),
    ...facts.warnings.map((warning) => `Warning: ${warning}`),
    'Ctrl-C drains and stops everything.',
  ].join('\n');
}

function headline({ source, fleet }: ScreenFacts): string {
  const providers = new Set([...fleet.deployments.values()].map(({ provider }) => provider.id))
    .size;
  if (source === 'demo')
    return `demo: ${providers} simulated providers, nothing leaves this machine`;
  return `${source}: ${count(fleet.deployments.size, 'deployment')} at ${count(providers, 'provider')}`;
}

const count = (n: number, noun: string): string => `${n} ${noun}${n === 1 ? '' : 's'}`;

/** What to type where the API listens on every address. */
const reachable = (host: string): string =>
  host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host.includes(':') ? `[${host}]` : host;

/** `sim-a 900 rpm · sim-b 600 rpm → tier 2: sim-c 300 rpm`; limits stand where a deployment is first named. */
function describePool(pool: Pool, fleet: Fleet, shown: Set<string>): string {
  return pool.tiers
    .map((tier, i) => {
      const members = tier.map((id) => describeDeployment(id, fleet, shown)).join(' · ');
      return i === 0 ? members : `tier ${i + 1}: ${members}`;
    })
    .join(' → ');
}

function describeDeployment(id: string, fleet: Fleet, shown: Set<string>): string {
  if (shown.has(id)) return id;
  shown.add(id);
  const budgets = (fleet.deployments.get(id)?.budgets ?? []).map(
    (budget) => fleet.budgets.get(budget) as Budget,
  );
  const own = budgets.flatMap((budget) => {
    const limits = describeLimits(budget.limits);
    if (limits === '') return [];
    return [budget.id === id ? limits : `${budget.id} ${limits}`];
  });
  return [id, ...(own.length > 1 || own[0]?.includes(',') ? [`(${own.join('; ')})`] : own)].join(
    ' ',
  );
}

function describeLimits(limits: Limits): string {
  return Object.entries(limits)
    .filter((limit): limit is [string, number] => limit[1] !== undefined)
    .map(([dimension, limit]) => describeLimit(dimension, limit))
    .join(', ');
}

function describeLimit(dimension: string, limit: number): string {
  if (dimension === 'concurrency') return `${limit} at once`;
  if (dimension.startsWith('usd_per_')) return `$${limit} a ${dimension.slice('usd_per_'.length)}`;
  return `${compact(limit)} ${dimension}`;
}

/** 900, 12k, 1.5M. */
function compact(value: number): string {
  if (value >= 1e6) return `${+(value / 1e6).toFixed(2)}M`;
  return value >= 10_000 ? `${+(value / 1e3).toFixed(1)}k` : String(value);
}

function curl({ port, tenants }: ScreenFacts, model: string): string {
  const key = tenants ? `-H 'authorization: Bearer $KEY' `.replaceAll("'", '"') : '';
  const body = JSON.stringify({
    model,
    body: { messages: [{ role: 'user', content: '17 × 3?' }] },
  });
  return `curl -s localhost:${port}/v1/jobs ${key}-H 'content-type: application/json' -d '${body}'`;
}
