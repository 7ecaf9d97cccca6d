// A small workload for the pictures of docs/strategies.md: 10,000 jobs arrive at four deployments in virtual time, and
// `choose` places them with what is predicted from the answers so far. Same seed, same result.
import { DEFAULT_DEPTH, NO_MEMORY, choose, costOn, msOf, usdOn } from '@sluice/balancing';
import type { Asked, Candidate, Cost, Memory, Strategy } from '@sluice/balancing';
import {
  NEW_LATENCY_MODEL,
  afterCall,
  learn,
  newSpeed,
  predictMs,
  ratioAt,
} from '@sluice/prediction';
import type { LatencyModel, Speed } from '@sluice/prediction';
import { seededRandom } from '../packages/testing/src/seeded-random.ts';

const JOBS = 10_000;
const ARRIVALS_PER_SECOND = 15;
const TIMEOUT_MS = 30_000;
const DEADLINE_MS = 60_000;
const USERS = 500;

interface Kind {
  id: string;
  region: string;
  rpm?: number;
  tpm?: number;
  concurrency?: number;
  /** US dollars per million tokens, input and output. */
  price: [input: number, output: number];
  /** What a call takes: ms, and ms per output token. */
  takes: [ms: number, perToken: number];
  /** Part of the calls that fail, after 100 ms. */
  fails: number;
}

export const DEPLOYMENTS: readonly Kind[] = [
  {
    id: 'us',
    region: 'us',
    rpm: 1_500,
    tpm: 600_000,
    price: [0.15, 0.6],
    takes: [400, 8],
    fails: 0,
  },
  {
    id: 'eu',
    region: 'eu',
    rpm: 900,
    tpm: 400_000,
    price: [0.15, 0.6],
    takes: [600, 10],
    fails: 0,
  },
  {
    id: 'dear',
    region: 'us',
    rpm: 3_000,
    tpm: 2_000_000,
    price: [2.5, 10],
    takes: [250, 4],
    fails: 0.05,
  },
  { id: 'local', region: 'eu', concurrency: 16, price: [0, 0], takes: [200, 25], fails: 0 },
];

/** A call that was placed: when it begins and ends. */
interface Call {
  begins: number;
  ends: number;
  failed: boolean;
  cost: Cost;
  /** Other calls there when it was placed. */
  inFlight: number;
}

interface Place {
  kind: Kind;
  calls: Call[];
  /** Until when each rate is spoken for, ms. */
  until: { rpm: number; tpm: number };
  model: LatencyModel;
  speed: Speed;
  errorRate: number;
}

export interface Result {
  /** By deployment. */
  jobs: Map<string, number>;
  /** From arrival to answer, of those that succeeded. */
  seconds: { p50: number; p95: number };
  usd: number;
  failed: number;
}

interface Run {
  strategy: Strategy;
  memory: Memory;
  places: Place[];
  now: number;
  random: () => number;
}

/** One job after the other, the first in line before all behind it. */
export function runWorkload(strategy: Strategy): Result {
  const random = seededRandom(7);
  const run: Run = {
    strategy,
    memory: NO_MEMORY,
    places: DEPLOYMENTS.map(newPlace),
    now: 0,
    random,
  };
  const result = { jobs: new Map<string, number>(), usd: 0, failed: 0 };
  const tookMs: number[] = [];
  let arrived = 0;
  for (let job = 0; job < JOBS; job += 1) {
    arrived += (-1_000 * Math.log(1 - random())) / ARRIVALS_PER_SECOND;
    run.now = Math.max(run.now, arrived);
    const { call, deployment, usd } = placeOne(run, anyShape(random), arrived);
    result.jobs.set(deployment, (result.jobs.get(deployment) ?? 0) + 1);
    if (call.failed) result.failed += 1;
    else tookMs.push(call.ends - arrived);
    result.usd += call.failed ? 0 : usd;
  }
  const sorted = tookMs.toSorted((a, b) => a - b);
  const at = (q: number): number => (sorted[Math.floor(q * sorted.length)] as number) / 1_000;
  return { ...result, seconds: { p50: at(0.5), p95: at(0.95) } };
}

const newPlace = (kind: Kind): Place => ({
  kind,
  calls: [],
  until: { rpm: 0, tpm: 0 },
  model: NEW_LATENCY_MODEL,
  speed: newSpeed(0),
  errorRate: 0,
});

/** Places a job as soon as the strategy has a place for it; time goes on meanwhile. */
function placeOne(
  run: Run,
  shape: Shape,
  arrived: number,
): { call: Call; deployment: string; usd: number } {
  const { strategy, places, random } = run;
  for (;;) {
    const { now, memory } = run;
    for (const each of places) settle(each, now);
    const candidates = places.map((each) => candidateOf(each, now));
    const asked = askedFor(shape, { places, arrived, now });
    const pool = { candidates, strategy, memory, spillAfterMs: null, depth: DEFAULT_DEPTH };
    const choice = choose(asked, pool, { now, random });
    if (choice.kind === 'place') {
      const { deployment } = choice;
      run.memory = choice.memory;
      const at = candidates.findIndex(({ id }) => id === deployment);
      const call = begin(places[at] as Place, asked, { now, random });
      return { call, deployment, usd: usdOn(asked, candidates[at] as Candidate) ?? 0 };
    }
    run.now += choice.kind === 'wait' ? choice.retryInMs : 1;
  }
}

interface Shape {
  cost: Cost;
  user: string | null;
}

/** Seven in ten are short; every second one belongs to a user. */
function anyShape(random: () => number): Shape {
  const cost =
    random() < 0.7
      ? { requests: 1, input: 400, output: 60 }
      : { requests: 1, input: 2_000, output: 400 };
  return { cost, user: random() < 0.5 ? `user:${Math.floor(random() * USERS)}` : null };
}

const askedFor = (
  { cost, user }: Shape,
  { places, arrived, now }: { places: readonly Place[]; arrived: number; now: number },
): Asked => ({
  cost,
  jobs: 1,
  band: 'batch',
  exclude: [],
  eligible: null,
  minTier: 1,
  maxTier: null,
  waitingSince: arrived,
  affinityKey: user,
  deadlineInMs: arrived + DEADLINE_MS - now,
  predictedMsFor: new Map(
    places.map(({ kind, model, calls }) => [
      kind.id,
      predictMs(model, { ...cost, inFlight: calls.length }),
    ]),
  ),
});

function candidateOf({ kind, calls, until, speed, errorRate }: Place, now: number): Candidate {
  const queued = calls.filter(({ begins }) => begins > now).length;
  const rates = (['rpm', 'tpm'] as const).flatMap((dimension) => {
    const limit = kind[dimension];
    const aheadMs = Math.max(0, until[dimension] - now);
    return limit === undefined
      ? []
      : [{ budget: kind.id, dimension, perMs: limit / 60_000, aheadMs }];
  });
  return {
    id: kind.id,
    tier: 1,
    weight: 1,
    region: kind.region,
    price: { input: kind.price[0], output: kind.price[1] },
    queued,
    inFlight: calls.length - queued,
    concurrency: kind.concurrency ?? null,
    rates,
    predictedMs: kind.takes[0] + 160 * kind.takes[1],
    speed: ratioAt(speed, now),
    errorRate,
    state: 'active',
  };
}

/** Books the call behind what its rates and slots are spoken for. */
function begin(
  place: Place,
  asked: Asked,
  { now, random }: { now: number; random: () => number },
): Call {
  const { kind, calls, until } = place;
  const candidate = candidateOf(place, now);
  const cost = costOn(asked, candidate);
  const slots = kind.concurrency ?? Infinity;
  const free = calls.map(({ ends }) => ends).toSorted((a, b) => a - b)[calls.length - slots] ?? now;
  const begins = Math.max(now, free, until.rpm, until.tpm);
  for (const rate of candidate.rates)
    until[rate.dimension as 'rpm' | 'tpm'] = now + rate.aheadMs + msOf(cost, rate);
  const failed = random() < kind.fails;
  const takes = (kind.takes[0] + kind.takes[1] * cost.output) * (0.8 + 0.4 * random());
  const call = {
    begins,
    ends: begins + (failed ? 100 : takes),
    failed,
    cost,
    inFlight: calls.length,
  };
  calls.push(call);
  return call;
}

/** Learns from the calls that have ended. */
function settle(place: Place, now: number): void {
  const ended = place.calls.filter(({ ends }) => ends <= now);
  if (ended.length === 0) return;
  place.calls = place.calls.filter(({ ends }) => ends > now);
  for (const { begins, ends, failed, cost, inFlight } of ended) {
    const tookMs = ends - begins;
    const predictedMs = predictMs(place.model, { ...cost, inFlight });
    place.speed = afterCall(place.speed, {
      predictedMs,
      tookMs,
      failed,
      timeoutMs: TIMEOUT_MS,
      now: ends,
    });
    if (!failed) place.model = learn(place.model, { ...cost, inFlight, tookMs });
    place.errorRate += 0.02 * ((failed ? 1 : 0) - place.errorRate);
  }
}
