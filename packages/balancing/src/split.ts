/**
 * `split`: A/B, canary and gradual migration by percentage. A key (affinity key, user or conversation) stays with its arm
 * as long as the percentages stand, and when they change only as many keys move as must; without a key the lot decides.
 * An arm that has no room or is not usable spills to the others in proportion to their percentages, and the placement
 * says which arm it should have been. An arm is a deployment, or all of `mini@…`, which then share by capacity.
 * With `strict` nothing spills to another arm: a job waits for its own, and leaves it only for a lower tier.
 */
import type { Asked, Candidate } from './candidate.ts';
import { mostCapacity } from './capacity.ts';
import { oncePerId } from './once-per-id.ts';
import { drawOf, hashText } from './rendezvous.ts';
import type { Made, Members, StrategyKind } from './settings.ts';
import { ARMS_ALLOWED, STRICT_ALLOWED, readSplit } from './split-settings.ts';
import type { Drawn, Strategy } from './strategy.ts';

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
    {
      name: 'strict',
      allowed: STRICT_ALLOWED,
      otherwise: 'false',
      does: 'A job waits for its arm, however long that is full, and never goes to another one: for A/B tests. The arm that is slowest for its percentage sets the pace of all. Every deployment of the tier needs a percentage.',
    },
  ],
  make,
};

function make(found: Record<string, unknown>, members: Members | null): Made {
  const read = readSplit(found, members);
  if (!read.ok) return read;
  const { arms, strict } = read.settings;
  return { ok: true, strategy: strict ? strictSplit(arms) : split(arms) };
}

interface Arm {
  name: string;
  hash: number;
  percent: number;
}

const armsOf = (percents: ReadonlyMap<string, number>): Arm[] =>
  [...percents].map(([name, percent]) => ({ name, hash: hashText(name), percent }));

function split(percents: ReadonlyMap<string, number>): Strategy {
  const arms = armsOf(percents).filter(({ percent }) => percent > 0);
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

function strictSplit(percents: ReadonlyMap<string, number>): Strategy {
  const arms = armsOf(percents);
  const drawing = arms.filter(({ percent }) => percent > 0);
  const armOf = oncePerId((id) => arms.find((arm) => isIn(arm, id)) ?? null);
  const ableTo = (eligible: Drawn['eligible']): readonly Arm[] => {
    const able = eligible === null ? drawing : drawing.filter((arm) => canSay(arm, eligible));
    return able.length > 0 ? able : drawing;
  };
  const wantedOf = (asked: Drawn): Arm => armFor(asked, ableTo(asked.eligible));
  return {
    name: 'split',
    keeping: {
      armFor: (asked) => wantedOf(asked).name,
      armOf: (id) => armOf(id)?.name ?? null,
      shares: (eligible) => {
        const able = ableTo(eligible);
        const all = percentOf(able);
        return new Map(able.map(({ name, percent }) => [name, percent / all]));
      },
    },
    pick: (asked, candidates, { random }) => {
      const wanted = wantedOf(asked);
      const own = candidates.filter(({ id }) => armOf(id) === wanted);
      if (own.length > 0) return mostCapacity(asked, own, random);
      return { candidate: mostCapacity(asked, candidates, random), insteadOf: wanted.name };
    },
  };
}

const percentOf = (arms: readonly Arm[]): number =>
  arms.reduce((sum, { percent }) => sum + percent, 0);

/** Whether one of its deployments has a wire format that can say what is asked: who never could is not drawn. */
function canSay(arm: Arm, eligible: ReadonlySet<string>): boolean {
  for (const id of eligible) if (isIn(arm, id)) return true;
  return false;
}

/** A key stays with its arm; else the lot says it, for as long as the percentages stand. */
function armFor({ affinityKey, lot = 0 }: Drawn, arms: readonly Arm[]): Arm {
  if (affinityKey !== undefined && affinityKey !== null)
    return drawn(arms, { key: hashText(affinityKey), weightOf: (arm) => arm.percent }) as Arm;
  let left = lot * percentOf(arms);
  return (arms.find(({ percent }) => (left -= percent) < 0) ?? arms.at(-1)) as Arm;
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
