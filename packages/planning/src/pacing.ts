/**
 * Keeps the plan: which class × deployment comes next. The pair furthest behind on its course does, so that at every
 * moment each budget sees the mix of shapes that the plan wants, whatever the real speed.
 *
 * What keeps the mix: of one deployment's pairs with waiting work of whoever's turn it is, the furthest behind has the
 * first claim. Another may pass it while it has no room (a small job fits where a big one does not), but only by `LEAD_MS`
 * of the plan's time. Work of others has no claim on that turn: fairness says how much each gets, the plan says where.
 *
 * What leaves nothing idle: a deployment of which no pair has both quota left and waiting work may take any class that
 * may run there, as long as no deployment that shares a budget with it has such a pair, whosever its work is, and the
 * call would not end after the class does by the plan. Its limits are then no one's, so this costs nobody; a plan of distinct shapes stays
 * as it is for as long as it has work for everybody.
 *
 * What saves money: a class that has time to save it gets a deployment dearer than its cheapest only for its quota there,
 * spread over the time that the plan has, and never because that deployment is idle. So what is learnt meanwhile counts,
 * and the next plan may want less of it.
 */
import {
  isDue,
  isOpen,
  type Pace,
  type PacedClass,
  type PacedDeployment,
  positionMs,
} from './pace.ts';
import type { PacedPair, Pair } from './pace.ts';

export interface PaceFacts {
  hasRoom: (jobClass: string, deployment: string) => boolean;
  /** Jobs of the class that wait to be placed, whosever they are. */
  waiting: (jobClass: string) => number;
  /** Whether some of these are of the one whose turn it is. */
  own: (jobClass: string) => boolean;
  /** How long ago the plan was made, ms. */
  atMs: number;
  /** Whether the class may go there now at all, room or not: where it may not it has no claim. Absent = everywhere. */
  mayGo?: (jobClass: string, deployment: string) => boolean;
}

type MayGo = NonNullable<PaceFacts['mayGo']>;
const EVERYWHERE: MayGo = () => true;

/** By how much of the plan's time a pair may pass another of its deployment that is behind it and has no room. */
const LEAD_MS = 1_000;

/** The pair whose turn it is, or null: nothing that waits has room where the plan allows it. O(pairs). */
export function nextPair(
  pace: Pace,
  { hasRoom, waiting, own, atMs, mayGo = EVERYWHERE }: PaceFacts,
): Pair | null {
  const all = new Set<PacedClass>();
  for (const jobClass of pace.classes.values()) if (waiting(jobClass.id) > 0) all.add(jobClass);
  const waits = new Set([...all].filter(({ id }) => own(id)));
  if (waits.size === 0) return null;
  const busy = new Set<string>();
  let turn: { pair: PacedPair | null; atMs: number } = { pair: null, atMs: Infinity };
  for (const deployment of pace.deployments.values()) {
    const firstMs = firstClaimMs(deployment, { waits, mayGo, now: atMs });
    if (firstMs !== null || firstClaimMs(deployment, { waits: all, mayGo, now: atMs }) !== null)
      busy.add(deployment.id);
    if (firstMs !== null && firstMs < turn.atMs)
      turn = earlier(turn, deployment, { waits, firstMs, hasRoom, mayGo, now: atMs });
  }
  const pair = turn.pair ?? idlePair(pace, { waits, busy, hasRoom, mayGo });
  return pair && { class: pair.class.id, deployment: pair.deployment.id };
}

/** Where the deployment's pair that is furthest behind stands; null = it has none with waiting work. */
function firstClaimMs(
  { id, planned }: PacedDeployment,
  { waits, mayGo, now }: { waits: ReadonlySet<PacedClass>; mayGo: MayGo; now: number },
): number | null {
  let firstMs: number | null = null;
  for (const pair of planned) {
    if (!waits.has(pair.class) || !isDue(pair, now) || !mayGo(pair.class.id, id)) continue;
    const atMs = positionMs(pair);
    if (firstMs === null || atMs < firstMs) firstMs = atMs;
  }
  return firstMs;
}

interface Turn {
  pair: PacedPair | null;
  atMs: number;
}

/** The deployment's turn, where that comes before the one found so far. */
function earlier(
  found: Turn,
  { id, planned }: PacedDeployment,
  about: {
    waits: ReadonlySet<PacedClass>;
    firstMs: number;
    hasRoom: PaceFacts['hasRoom'];
    mayGo: MayGo;
    now: number;
  },
): Turn {
  let turn = found;
  for (const pair of planned) {
    if (!about.waits.has(pair.class) || !isDue(pair, about.now)) continue;
    const atMs = positionMs(pair);
    if (atMs >= turn.atMs || atMs > about.firstMs + LEAD_MS) continue;
    if (about.mayGo(pair.class.id, id) && about.hasRoom(pair.class.id, id)) turn = { pair, atMs };
  }
  return turn;
}

/** Of what deployments without work of their own may take, the class with the most time still before it. */
function idlePair(
  pace: Pace,
  about: {
    waits: ReadonlySet<PacedClass>;
    busy: ReadonlySet<string>;
    hasRoom: PaceFacts['hasRoom'];
    mayGo: MayGo;
  },
): PacedPair | null {
  let best: PacedPair | null = null;
  let mostMs = 0;
  for (const { id, all, sharing } of pace.deployments.values()) {
    if (about.busy.has(id) || sharing.some((other) => about.busy.has(other))) continue;
    for (const pair of all) {
      if (pair.held || !about.waits.has(pair.class) || !about.mayGo(pair.class.id, id)) continue;
      const spareMs = pair.class.finishMs - standMs(pair.class) - pair.latencyMs;
      if (spareMs < mostMs || !about.hasRoom(pair.class.id, id)) continue;
      best = pair;
      mostMs = spareMs;
    }
  }
  return best;
}

/** How far the class is, by its pair that is furthest behind. */
const standMs = ({ pairs }: PacedClass): number =>
  pairs.reduce(
    (least, pair) => (isOpen(pair) ? Math.min(least, positionMs(pair)) : least),
    Infinity,
  );
