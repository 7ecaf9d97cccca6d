/**
 * `split`: A/B, canary and gradual migration by percentage. A key (affinity key, user or conversation) stays with its arm
 * as long as the percentages stand, and when they change only as many keys move as must; without a key the lot decides.
 * An arm that has no room or is not usable spills to the others in proportion to their percentages, and the placement
 * says which arm it should have been. An arm is a deployment, or all of `mini@…`, which then share by capacity.
 */
import type { Asked, Candidate } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import { oncePerId } from './once-per-id.ts';
import { drawOf, hashText } from './rendezvous.ts';
import type { Made, Members, StrategyKind } from './settings.ts';
import { ARMS_ALLOWED, readArms } from './split-settings.ts';
import type { Strategy } from './strategy.ts';

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
  const armOf = oncePerId((id) => arms.find((arm) => isIn(arm, id)) ?? null);
  return {
    name: 'split',
    pick: (asked, candidates, { random, jobsOn }) => {
      const capable = (among: readonly Candidate[]): Candidate =>
        mostCapacity(asked, among, random);
      const ready = new Map([...byArm(candidates, armOf)].map(([arm, all]) => [arm, capable(all)]));
      const key = asked.affinityKey ?? null;
      const draw: Draw =
        key === null
          ? { key: Math.floor(random() * 4_294_967_296), weightOf: byJobs(asked, ready, jobsOn) }
          : { key: hashText(key), weightOf: (arm) => arm.percent };
      const wanted = drawn(arms, draw) as Arm;
      const arm = ready.has(wanted) ? wanted : drawn([...ready.keys()], draw);
      const candidate = arm === null ? capable(candidates) : (ready.get(arm) as Candidate);
      return arm === wanted ? candidate : { candidate, insteadOf: wanted.name };
    },
  };
}

const isIn = ({ name }: Arm, id: string): boolean => id === name || id.startsWith(`${name}@`);

function byArm(
  candidates: readonly Candidate[],
  armOf: (id: string) => Arm | null,
): Map<Arm, Candidate[]> {
  const members = new Map<Arm, Candidate[]>();
  for (const candidate of candidates) {
    const arm = armOf(candidate.id);
    if (arm === null) continue;
    const known = members.get(arm);
    if (known) known.push(candidate);
    else members.set(arm, [candidate]);
  }
  return members;
}

/**
 * Percentages are of jobs: by lot, an arm that takes more of them at once is drawn less often. Keys are not counted
 * against that, for they do not choose.
 */
function byJobs(
  asked: Asked,
  ready: ReadonlyMap<Arm, Candidate>,
  jobsOn: (candidate: Candidate) => number,
): Draw['weightOf'] {
  if (asked.jobs === 1) return (arm) => arm.percent;
  const jobs = new Map([...ready].map(([arm, candidate]) => [arm, jobsOn(candidate)]));
  const most = Math.max(1, ...jobs.values());
  return (arm) => arm.percent / (jobs.get(arm) ?? most);
}

interface Draw {
  key: number;
  weightOf: (arm: Arm) => number;
}

function drawn(arms: readonly Arm[], { key, weightOf }: Draw): Arm | null {
  let best: Arm | null = null;
  let highest = -Infinity;
  for (const arm of arms) {
    const draw = drawOf(key, arm.hash, weightOf(arm));
    if (draw <= highest) continue;
    best = arm;
    highest = draw;
  }
  return best;
}
