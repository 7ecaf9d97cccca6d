/** What a run came to, in the words of `npm run simulate -- --json`. */
import { effectiveWeight } from '@sluice/fairness';
import type { Tenant } from '@sluice/job';
import { limitStats } from '@sluice/windows';
import type { Dimension } from '@sluice/windows';
import type { Run } from './run.ts';
import { againstWeights } from './fairness.ts';
import { grouped } from './grouped.ts';
import type { Task } from './task.ts';

/** null = of nothing. */
export interface Percentiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

export interface TenantReport {
  jobs: number;
  succeeded: number;
  failed: number;
  expired: number;
  /** Of all tokens of answered calls, 0…1; null = there are none. */
  share: number | null;
  /** Of the work done while several tenants' jobs waited, its part against that of its weight: 1 = exactly that; null = it never contended. */
  against_weight: number | null;
  wait_ms: Percentiles;
  completion_ms: Percentiles;
}

/** Times in ms; `null` where nothing is known (no price, no bound). */
export interface Report {
  drain_ms: number;
  /** Of all jobs but those that failed. */
  ideal_ms: number | null;
  /** `null` also where jobs expired: what was not drained is no drain. */
  ratio: number | null;
  jobs: number;
  calls: number;
  limited: number;
  utilisation: Record<string, Partial<Record<Dimension, number>>>;
  wait_ms: Percentiles;
  completion_ms: Percentiles;
  cost_usd: number | null;
  /** By deployment, of the jobs that succeeded, 0…1; null = none did. */
  share: Record<string, number | null>;
  tenants: Record<string, TenantReport>;
}

export function reportOf(
  run: Run,
  { idealMs, tenants }: { idealMs: number | null; tenants: readonly Tenant[] },
): Report {
  const { tasks, endedAt } = run;
  const calls = [...run.calls.values()];
  const drained = tasks.every(({ end }) => end?.kind !== 'expired');
  return {
    drain_ms: round(endedAt, 1),
    ideal_ms: idealMs === null ? null : round(idealMs, 1),
    ratio: drained && idealMs ? round(endedAt / idealMs, 4) : null,
    jobs: tasks.length,
    calls: calls.reduce((sum, each) => sum + each.calls, 0),
    limited: calls.reduce((sum, each) => sum + each.limited, 0),
    utilisation: utilisationOf(run),
    wait_ms: percentilesOf(tasks.flatMap(waitOf)),
    completion_ms: percentilesOf(tasks.flatMap(completionOf)),
    cost_usd: costOf(run),
    share: shareOf(run),
    tenants: tenantsOf(tasks, tenants),
  };
}

const round = (value: number, digits: number): number => Number(value.toFixed(digits));

/** From arrival to the first call. */
const waitOf = ({ firstStartAt, job }: Task): number[] =>
  firstStartAt === null ? [] : [firstStartAt - job.at];

/** From arrival to the answer. */
const completionOf = ({ end, job }: Task): number[] =>
  end?.kind === 'succeeded' ? [end.at - job.at] : [];

/** Nearest rank. */
export function percentilesOf(values: readonly number[]): Percentiles {
  const sorted = Float64Array.from(values).toSorted();
  const at = (part: number): number | null => {
    const value = sorted[Math.max(0, Math.ceil(part * sorted.length) - 1)];
    return value === undefined ? null : round(value, 1);
  };
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}

/** Charged by the provider's own count ÷ what its rate gave until the last end. */
function utilisationOf({ providers, endedAt }: Run): Report['utilisation'] {
  const budgets = [...providers.sets].map(([id, set]) => {
    const stats = limitStats(set, { busyMs: endedAt, now: endedAt });
    const used = Object.entries(stats).map(([dimension, { utilisation }]) => [
      dimension,
      round(utilisation ?? 0, 4),
    ]);
    return [id, Object.fromEntries(used)] as const;
  });
  return Object.fromEntries(budgets.filter(([, used]) => Object.keys(used).length > 0));
}

/** null as soon as a call went to a deployment whose price is unknown. */
function costOf({ calls }: Run): number | null {
  const used = [...calls.values()].filter((each) => each.calls > 0);
  if (used.some(({ costUsd }) => costUsd === null)) return null;
  return round(
    used.reduce((sum, { costUsd }) => sum + (costUsd ?? 0), 0),
    6,
  );
}

function shareOf({ tasks, calls }: Run): Report['share'] {
  const done = tasks.filter(({ end }) => end?.kind === 'succeeded');
  const counts = grouped(done, ({ end }) => end?.deployment);
  return Object.fromEntries(
    [...calls.keys()].map((id) => [
      id,
      done.length === 0 ? null : round((counts.get(id)?.length ?? 0) / done.length, 4),
    ]),
  );
}

function tenantsOf(
  tasks: readonly Task[],
  tenants: readonly Tenant[],
): Record<string, TenantReport> {
  const groups = [...grouped(tasks, ({ job }) => job.tenant)];
  const weightOf = (id: string): number =>
    effectiveWeight(tenants.find((tenant) => tenant.id === id)?.weight ?? 1);
  const against = againstWeights(tasks, weightOf);
  const total = tokensOf(tasks);
  return Object.fromEntries(
    groups.map(([id, own]) => {
      const share = total === 0 ? null : tokensOf(own) / total;
      return [id, tenantReport(own, { share, against: against.get(id) ?? null })];
    }),
  );
}

function tenantReport(
  tasks: readonly Task[],
  { share, against }: { share: number | null; against: number | null },
): TenantReport {
  const ended = (kind: string): number => tasks.filter(({ end }) => end?.kind === kind).length;
  return {
    jobs: tasks.length,
    succeeded: ended('succeeded'),
    failed: ended('failed'),
    expired: ended('expired'),
    share: share === null ? null : round(share, 4),
    against_weight: against === null ? null : round(against, 4),
    wait_ms: percentilesOf(tasks.flatMap(waitOf)),
    completion_ms: percentilesOf(tasks.flatMap(completionOf)),
  };
}

const tokensOf = (tasks: readonly Task[]): number =>
  tasks.reduce((sum, { end, job }) => {
    const { inputTokens, outputTokens } = job;
    return end?.kind === 'succeeded' ? sum + inputTokens + outputTokens : sum;
  }, 0);
