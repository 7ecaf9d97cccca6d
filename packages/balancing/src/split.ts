/**
 * `split`: A/B, canary and gradual migration by percentage. A key (affinity key, user or conversation) stays with its arm
 * as long as the percentages stand, and when they change only as many keys move as must; without a key the lot decides.
 * An arm that has no room or is not usable spills to the others in proportion to their percentages, and the placement
 * says which arm it should have been. An arm is a deployment, or all of `mini@…`, which then share by capacity.
 */
import type { Asked, Candidate } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import { drawOf, hashText } from './rendezvous.ts';
import type { Made, Members, StrategyKind } from './settings.ts';
import { ARMS_ALLOWED, readArms } from './split-settings.ts';
import type { Chance, Spilled, Strategy } from './strategy.ts';

export const splitKind: StrategyKind = {
  name: 'split',
  summary: 'by percentage, the same arm for every job of a key',
  settings: [
    {
      name: 'arms',
      allowed: ARMS_ALLOWED,
      otherwise: null,
      does: 'What each deployment of the tier gets, in percent. Those not named get work only when no arm can take it.',
    },
  ],
  make,
};

function make(found: Record<string, unknown>, members: Members | null): Made {
  const read = readArms(found, members);
  return read.ok ? { ok: true, strategy: split(read.settings) } : read;
}

interface Arm {
  name: string;
  hash: number;
  percent: number;
}

function split(percents: ReadonlyMap<string, number>): Strategy {
  const arms = [...percents]
    .filter(([, percent]) => percent > 0)
    .map(([name, percent]): Arm => ({ name, hash: hashText(name), percent }));
  return {
    name: 'split',
    pick: (asked, candidates, chance) => pick(arms, { asked, candidates }, chance),
  };
}

/** A candidate for each arm that has one. */
type Ready = Map<Arm, Candidate>;

function pick(
  arms: readonly Arm[],
  { asked, candidates }: { asked: Asked; candidates: readonly Candidate[] },
  { random, jobsOn }: Chance,
): Candidate | Spilled {
  const ready: Ready = new Map();
  for (const arm of arms) {
    const members = candidates.filter(({ id }) => isIn(arm, id));
    if (members.length > 0) ready.set(arm, mostCapacity(asked, members, random));
  }
  const sticky = asked.affinityKey ?? null;
  const key = sticky === null ? Math.floor(random() * 4_294_967_296) : hashText(sticky);
  // By lot an arm that takes more jobs at once is drawn less often: percentages are of jobs.
  const most = Math.max(1, ...[...ready.values()].map(jobsOn));
  const weightOf = (arm: Arm): number => {
    const candidate = ready.get(arm);
    const jobs = sticky === null && asked.jobs > 1 ? (candidate ? jobsOn(candidate) : most) : 1;
    return arm.percent / jobs;
  };
  const wanted = highest(arms, key, weightOf);
  const candidate =
    ready.get(wanted) ??
    ready.get(highest([...ready.keys()], key, weightOf)) ??
    mostCapacity(asked, candidates, random);
  return ready.has(wanted) ? candidate : { candidate, insteadOf: wanted.name };
}

const isIn = ({ name }: Arm, id: string): boolean =>
  id === name || (id.startsWith(name) && id[name.length] === '@');

function highest(arms: readonly Arm[], key: number, weightOf: (arm: Arm) => number): Arm {
  let best = arms[0] as Arm;
  let most = -Infinity;
  for (const arm of arms) {
    const draw = drawOf(key, arm.hash, weightOf(arm));
    if (draw > most) [best, most] = [arm, draw];
  }
  return best;
}
