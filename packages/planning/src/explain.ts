/** A plan in words and numbers: why each deployment gets what it gets, and when each class is done. */
import type { Plan, PlannedPair, PlannedRow, SpokenFor } from './plan.ts';
import type { Shaped } from './problem.ts';
import { dollars, duration, listed, number, percent } from './wording.ts';

/** What classes and deployments are called in sentences. */
export interface PlanNames {
  class: (id: string) => string;
  deployment: (id: string) => string;
}

export interface Explanation {
  /** A sentence each, by id. */
  deployments: Record<string, string>;
  classes: Record<string, string>;
}

/** More classes than this in a sentence are counted. */
const MOST_NAMED = 3;

/** The same words for the same plan. */
export function explain(plan: Plan, names: PlanNames): Explanation {
  const jobs = new Map<string, number>();
  const byDeployment = new Map<string, PlannedPair[]>();
  for (const pair of plan.pairs) {
    jobs.set(pair.class, (jobs.get(pair.class) ?? 0) + pair.jobs);
    byDeployment.set(pair.deployment, [...(byDeployment.get(pair.deployment) ?? []), pair]);
  }
  const told = { plan, names, jobs };
  return {
    deployments: Object.fromEntries(
      [...byDeployment].map(([id, pairs]) => [id, deploymentSentence(id, pairs, told)]),
    ),
    classes: Object.fromEntries([
      ...[...jobs.keys()].map((id) => [id, classSentence(id, told)]),
      ...plan.unplaced.map((id) => [id, `${names.class(id)}: no deployment can run it now.`]),
    ]),
  };
}

interface Told {
  plan: Plan;
  names: PlanNames;
  jobs: ReadonlyMap<string, number>;
}

function deploymentSentence(id: string, pairs: readonly PlannedPair[], told: Told): string {
  const { plan, names, jobs } = told;
  const used = pairs.filter((pair) => pair.jobs > 0).toSorted((a, b) => b.jobs - a.jobs);
  const limits = plan.rows.filter((row) => (row.usedBy[id] ?? 0) > 0);
  const spoken = plan.spokenFor[id];
  const ahead = spoken ? spokenWords(id, spoken) : null;
  if (used.length === 0)
    return `${names.deployment(id)} gets nothing: ${ahead ?? 'what may run there is better served elsewhere'}.`;
  const parts = used
    .slice(0, MOST_NAMED)
    .map(
      (pair) =>
        `${percent(pair.jobs / (jobs.get(pair.class) ?? pair.jobs))} of ${names.class(pair.class)}`,
    );
  const others = used.length - parts.length;
  if (others > 0) parts.push(`parts of ${others} other ${others === 1 ? 'class' : 'classes'}`);
  const why = [
    ...(ahead === null ? [] : [ahead]),
    reason(id, limits),
    ...pacedWords(used, { plan, limits }),
  ];
  return `${names.deployment(id)} gets ${listed(parts)}: ${why.join('; ')}.`;
}

function reason(id: string, limits: readonly PlannedRow[]): string {
  const scarce = limits.filter(({ binding }) => binding).toSorted(byWorth);
  const [first] = scarce;
  if (first) return `${limitName(id, first)} is the scarce limit${worth(first)}`;
  const [fullest] = limits.toSorted((a, b) => b.used - a.used);
  return fullest
    ? `none of its limits is scarce; of ${limitName(id, fullest)} ${percent(fullest.used)} is used`
    : 'it has no limits';
}

const spokenWords = (id: string, { forMs, ...of }: SpokenFor): string =>
  `${limitName(id, of)} is booked ahead, so nothing starts there for ${duration(forMs)}: a call with a large max_tokens takes so much of it at once, and so does a 429`;

/** Where it has room left, because tenants' own limits let no more through. */
function pacedWords(
  used: readonly PlannedPair[],
  { plan, limits }: { plan: Plan; limits: readonly PlannedRow[] },
): string[] {
  if (limits.some(({ binding }) => binding)) return [];
  const by = new Set(
    used.flatMap((pair) => (plan.paced[pair.class] ? [paceOf(plan.paced[pair.class])] : [])),
  );
  if (by.size === 0) return [];
  const named = [...by].slice(0, MOST_NAMED);
  const others = by.size - named.length;
  if (others > 0)
    named.push(`the limits of ${others} other ${others === 1 ? 'tenant' : 'tenants'}`);
  return [`${listed(named)} ${by.size === 1 ? 'lets' : 'let'} no more through`];
}

const paceOf = (shaped: Shaped | undefined): string =>
  shaped
    ? `the ${shaped.limit} of ${shaped.limit === 'max_cost_usd' ? 'a batch of ' : ''}tenant ${shaped.tenant}`
    : '';

const byWorth = (a: PlannedRow, b: PlannedRow): number =>
  b.savesMs - a.savesMs || b.savesUsd - a.savesUsd || b.used - a.used;

const limitName = (
  id: string,
  { budget, dimension }: Pick<PlannedRow, 'budget' | 'dimension'>,
): string => (budget === id ? `its ${dimension}` : `the ${dimension} of ${budget}`);

/** What a little more of it is called, and how many units per minute (slots) that is. */
const MORE: Record<PlannedRow['dimension'], { words: string; units: number }> = {
  rpm: { words: '1 more request a minute', units: 1 },
  rpd: { words: '1,000 more requests a day', units: 1_000 / 1_440 },
  tpm: { words: '1,000 more tokens a minute', units: 1_000 },
  itpm: { words: '1,000 more input tokens a minute', units: 1_000 },
  otpm: { words: '1,000 more output tokens a minute', units: 1_000 },
  tpd: { words: '1,000,000 more tokens a day', units: 1e6 / 1_440 },
  usd_per_day: { words: '1 more dollar a day', units: 1 / 1_440 },
  usd_per_month: { words: '1 more dollar a month', units: 1 / 43_200 },
  concurrency: { words: '1 more call at once', units: 1 },
};

function worth({ dimension, savesMs, savesUsd }: PlannedRow): string {
  const { words, units } = MORE[dimension];
  const savings = [
    ...(savesMs > 0 ? [duration(savesMs * units)] : []),
    ...(savesUsd > 0 ? [dollars(savesUsd * units)] : []),
  ];
  return savings.length > 0 ? `; ${words} would save ${listed(savings)}` : '';
}

function classSentence(id: string, { plan, names, jobs }: Told): string {
  const all = jobs.get(id) ?? 0;
  const places = Object.entries(plan.quotas[id] ?? {})
    .toSorted(([, a], [, b]) => b - a)
    .map(([place, quota]) => `${percent(quota / all)} on ${names.deployment(place)}`);
  const late = plan.late.find((each) => each.class === id);
  const cost = plan.costByClass[id] ?? null;
  return [
    `${names.class(id)}: ${number(all)} ${all === 1 ? 'job' : 'jobs'}, ${listed(places)}`,
    `done in ${duration(plan.finishMs[id] ?? 0)}`,
    ...(plan.paced[id] ? [`held to that by ${paceOf(plan.paced[id])}`] : []),
    ...(cost === null ? [] : [`for ${dollars(cost)}`]),
    ...(late ? [`${duration(late.lateByMs)} after its deadline`] : []),
  ]
    .join(', ')
    .concat('.');
}
