/** A stream of placements for distribution tests: each adds to what is ahead of the deployment it went to. */
import assert from 'node:assert/strict';
import { seededRandom } from '@sluice/testing';
import { type Asked, type Candidate, msOf } from './candidate.ts';
import { type Choice, choose } from './choose.ts';
import { asked, pool } from './example-candidates.ts';
import { DEFAULT_DEPTH } from './room.ts';
import { strategyFor } from './strategies.ts';
import { NO_MEMORY, type Strategy } from './strategy.ts';

/** Deep enough that room never decides. */
const ENDLESS = { ...DEFAULT_DEPTH, depthMs: 1e12, unlimitedDepth: 1e12 };

export type Place = Extract<Choice, { kind: 'place' }>;

interface Setup {
  strategy: Strategy;
  candidates: readonly Candidate[];
  seed?: number;
  /** Whether placed work stays ahead; false = it is done before the next is placed. */
  piles?: boolean;
}

/** Places each of `requests`; fails where one would have to wait. */
export function placeAll(setup: Setup, requests: readonly Asked[]): Place[] {
  const random = seededRandom(setup.seed ?? 1);
  let { candidates } = setup;
  let memory = NO_MEMORY;
  return requests.map((request) => {
    const now = pool(candidates, { strategy: setup.strategy, memory, depth: ENDLESS });
    const choice = choose(request, now, { now: 0, random });
    assert.ok(choice.kind === 'place');
    memory = choice.memory;
    if (setup.piles !== false)
      candidates = candidates.map((each) =>
        each.id === choice.deployment ? loaded(each, request, choice.jobs) : each,
      );
    return choice;
  });
}

const loaded = (each: Candidate, { cost }: Asked, jobs: number): Candidate => ({
  ...each,
  rates: each.rates.map((rate) => ({ ...rate, aheadMs: rate.aheadMs + jobs * msOf(cost, rate) })),
});

export const times = (n: number, request: Asked = asked()): Asked[] =>
  Array.from({ length: n }, () => request);

/** Jobs that went to `id`. */
export const jobsAt = (all: readonly Place[], id: string): number =>
  all.reduce((sum, { deployment, jobs }) => sum + (deployment === id ? jobs : 0), 0);

export function strategy(name: string, settings: Record<string, unknown> = {}): Strategy {
  const made = strategyFor({ ...settings, name });
  assert.ok(made, name);
  return made;
}
