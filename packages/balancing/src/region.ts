/**
 * `region`: the preferred regions in their order, all others as spill-over; within a region by capacity. A region is left
 * as soon as nobody in it has room, and the placement says which one it should have been.
 */
import type { Candidate } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import {
  type Made,
  type Members,
  type SettingMistake,
  type StrategyKind,
  unknownSettings,
} from './settings.ts';
import type { Strategy } from './strategy.ts';

const ALLOWED = 'a list of regions, the nearest first, not empty';

export const regionKind: StrategyKind = {
  name: 'region',
  summary: 'preferred regions first, the others as spill-over',
  settings: [
    {
      name: 'prefer',
      allowed: ALLOWED,
      otherwise: null,
      does: 'Regions of the pool’s deployments, the nearest first; those not named come last.',
    },
  ],
  make,
};

function make(found: Record<string, unknown>, members: Members | null): Made {
  const { prefer } = found;
  const mistakes = unknownSettings(found, 'region', ['prefer']);
  if (isNames(prefer)) mistakes.push(...wrongRegions(prefer, members));
  else mistakes.push({ path: ['prefer'], found: prefer, allowed: ALLOWED });
  return mistakes.length > 0
    ? { ok: false, mistakes }
    : { ok: true, strategy: region(prefer as string[]) };
}

const isNames = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length > 0 && value.every((each) => typeof each === 'string');

function wrongRegions(prefer: readonly string[], members: Members | null): SettingMistake[] {
  const known = new Set(members?.flat().flatMap((each) => each.region ?? []));
  const list = known.size > 0 ? [...known].join(', ') : 'none of the pool’s deployments has one';
  return prefer.flatMap((name, i) => {
    const at = { path: ['prefer', i], found: name };
    if (prefer.indexOf(name) < i)
      return [{ ...at, foundInWords: `"${name}" again`, allowed: 'each region once' }];
    return members === null || known.has(name)
      ? []
      : [{ ...at, allowed: `a region of the pool’s deployments: ${list}` }];
  });
}

function region(prefer: readonly string[]): Strategy {
  const rank = new Map(prefer.map((name, i) => [name, i]));
  const rankOf = (candidate: Candidate): number =>
    rank.get(candidate.region ?? '') ?? prefer.length;
  return {
    name: 'region',
    pick: (asked, candidates, { random }) => {
      let nearest = Infinity;
      for (const each of candidates) nearest = Math.min(nearest, rankOf(each));
      const there = candidates.filter((each) => rankOf(each) === nearest);
      const candidate = mostCapacity(asked, there, random);
      return nearest === 0 ? candidate : { candidate, insteadOf: prefer[0] as string };
    },
  };
}
