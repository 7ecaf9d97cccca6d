/**
 * Checks what no schema can say of routes: that they name what there is, that their conditions can hold, that their
 * percentages add up, and that each can be reached. Entries that the schema refuses are skipped: it reports them.
 */
import { covers } from '@sluice/routing';
import type { Conditions } from '@sluice/routing';
import { armsOf, buildConditions } from './build-routes.ts';
import type { RouteEntry } from './build-routes.ts';
import { repeated, unknown } from './check-names.ts';
import { tierBeyond } from './max-tier.ts';
import type { Mistake, Path } from './mistake.ts';
import { showPath } from './mistake.ts';
import type { Outline } from './outline.ts';
import { mentions, section } from './outline.ts';
import { route } from './schema/routes.ts';

/** A route that its schema takes, with its place in the file. */
interface Checked {
  at: Path;
  entry: RouteEntry;
  when: Conditions;
}

/** `tree` is the file, filled in. */
export function checkRoutes(tree: unknown, file: Outline): Mistake[] {
  const { routes: found } = section(tree);
  if (!Array.isArray(found)) return [];
  const routes = found.flatMap((one: unknown, i): Checked[] => {
    const parsed = route.safeParse(one);
    if (!parsed.success) return [];
    return [{ at: ['routes', i], entry: parsed.data, when: buildConditions(parsed.data.when) }];
  });
  return [
    ...found.flatMap((one: unknown, i) => checkWords(one, ['routes', i], file)),
    ...routes.flatMap((one) => [
      ...checkArms(one),
      ...checkMaxTier(one, file),
      ...checkRanges(one),
      ...checkTime(one),
    ]),
    ...checkRouteNames(routes),
    ...checkReached(routes, file),
  ];
}

/** Names and lists, also of an entry that has other mistakes. */
function checkWords(entry: unknown, at: Path, file: Outline): Mistake[] {
  const { pool, when } = section(entry);
  const pools =
    typeof pool === 'string'
      ? mentions(pool, [...at, 'pool'])
      : Object.keys(section(pool)).map((name) => ({ name, at: [...at, 'pool', name] }));
  const listed = (key: string) => mentions(section(when)[key], [...at, 'when', key]);
  const known = file.pools.map(({ name }) => name);
  const tenants = file.tenants.map(({ name }) => name);
  return [
    ...unknown(pools, known, 'a pool').map((one) => namedHere(one)),
    ...unknown(listed('tenant'), tenants, 'a tenant'),
    ...['endpoint', 'model', 'tenant', 'priority', 'tags'].flatMap((key) => repeated(listed(key))),
    ...listed('model').flatMap(({ name, at: place }) => checkModel(name, place)),
  ];
}

/** Of a key what is wrong is the name itself, not what stands under it. */
const namedHere = (mistake: Mistake): Mistake =>
  mistake.at.at(-2) === 'pool'
    ? { ...mistake, found: `the pool ${JSON.stringify(mistake.at.at(-1))}` }
    : mistake;

const checkModel = (name: string, at: Path): Mistake[] =>
  name.startsWith('deployment/')
    ? [said(at, JSON.stringify(name), 'a model that is routed: deployment/… goes there directly')]
    : [];

function checkArms({ at, entry }: Checked): Mistake[] {
  const sum = armsOf(entry.pool).reduce((total, { percent }) => total + percent, 0);
  if (Math.abs(sum - 100) < 1e-6) return [];
  const found = `percentages that add up to ${Number(sum.toFixed(6))}`;
  return [said([...at, 'pool'], found, 'percentages that add up to 100')];
}

/** As the API does with a request's: it must say something in one of its pools. */
function checkMaxTier({ at, entry }: Checked, file: Outline): Mistake[] {
  const rows = armsOf(entry.pool).flatMap(({ pool }) => {
    const known = file.pools.find(({ name }) => name === pool);
    return known ? [{ pool, tiers: known.tiers.length }] : [];
  });
  const allowed = tierBeyond(entry.max_tier ?? null, rows);
  return allowed === null ? [] : [said([...at, 'max_tier'], String(entry.max_tier), allowed)];
}

const checkRanges = ({ at, entry: { when } }: Checked): Mistake[] =>
  (['input_tokens', 'output_tokens'] as const).flatMap((key) => {
    const { min = 0, max = Infinity } = when[key] ?? {};
    const place = [...at, 'when', key];
    if (min > max) return [said(place, `min ${min}, max ${max}`, 'a `min` not above its `max`')];
    const empty = when[key] && Object.keys(when[key]).length === 0;
    return empty ? [said(place, 'an empty range', '`min`, `max` or both')] : [];
  });

function checkTime({ at, entry: { when } }: Checked): Mistake[] {
  if (!when.time) return [];
  const place = [...at, 'when', 'time'];
  const { from, to, days } = when.time;
  const wholeDay = from === 0 && to === 0;
  const twice = repeated(mentions(days, [...place, 'days']));
  if (from !== to || wholeDay) return twice;
  return [...twice, said(place, '`from` and `to` the same', 'two different times')];
}

function checkRouteNames(routes: readonly Checked[]): Mistake[] {
  return repeated(
    routes.flatMap(({ at, entry: { name } }) =>
      name === undefined ? [] : [{ name, at: [...at, 'name'] }],
    ),
  );
}

/** A route behind one that takes all it would take has no meaning: its author must have meant another order. */
function checkReached(routes: readonly Checked[], file: Outline): Mistake[] {
  const known = file.pools.flatMap(({ name, aliases }) => [
    name,
    ...aliases.map((alias) => alias.name),
  ]);
  return routes.flatMap(({ at, when }, i) => {
    const earlier = routes.slice(0, i).find((one) => covers(one.when, when, known));
    if (!earlier) return [];
    const by = `${showPath(earlier.at)}${earlier.entry.name ? ` (${earlier.entry.name})` : ''}`;
    const found = `a route that is never reached: ${by} takes all that it would take`;
    return [said(at, found, `conditions that ${by} leaves over, or a place before it`)];
  });
}

const said = (at: Path, found: string, allowed: string): Mistake => ({
  path: showPath(at),
  at,
  found,
  allowed,
});
