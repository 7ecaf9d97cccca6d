/** For tests: a fleet out of a config text, looked at once with nothing running, and a batch of it that drains. */
import assert from 'node:assert/strict';
import type { DeploymentLoad } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import type { IndexRecord } from '@sluice/files';
import type { Fleet } from '@sluice/job';
import type { BatchClass } from '@sluice/ledger';
import { AloneBook } from './alone-book.ts';
import type { BesidePorts } from './beside.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { ShapingOf } from './held-tenants.ts';
import { LengthsBook } from './lengths-book.ts';
import { Picture } from './picture.ts';

/** `more`: providers beside `p`. */
export function fleetOf(config: string, more = ''): Fleet {
  const openai = 'p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k }';
  const providers = `providers: { ${[openai, more].filter(Boolean).join(', ')} }`;
  const loaded = loadConfig({ source: { text: `${providers}\n${config}` }, env: {} });
  assert.ok(loaded.kind === 'ok');
  return loaded.fleet;
}

/** Every limit free. */
export function pictureOf(fleet: Fleet, now: number): Picture {
  const picture = new Picture(fleet);
  const loads = [...fleet.deployments.values()].map(({ id, budgets }) => [
    id,
    loadOf(
      budgets.flatMap((budget) =>
        (['rpm', 'tpm'] as const).flatMap((dimension) => {
          const limit = fleet.budgets.get(budget)?.limits[dimension];
          return limit === undefined
            ? []
            : [{ budget, dimension, limit, ratePerMs: limit / 60_000 }];
        }),
      ),
    ),
  ]) as [string, DeploymentLoad][];
  picture.update(new Map(loads), now);
  return picture;
}

export const loadOf = (dims: { budget: string; dimension: string; ratePerMs: number }[]) =>
  ({
    taken: 0,
    inFlight: 0,
    ok: 0,
    failed: 0,
    byOutcome: {},
    consecutiveFailures: 0,
    lastFailure: null,
    meanLatencyMs: null,
    latencySumMs: 0,
    since: null,
    charsPerToken: 4,
    cachedShare: 0,
    meanOutput: null,
    usualCall: { input: 0, output: 0 },
    costUsd: 0,
    dims: dims.map((dim) => ({ ...dim, aheadMs: 0 })),
    windows: [],
    concurrency: null,
    slots: [],
    pausedForMs: 0,
    refusedForMs: 0,
  }) as unknown as DeploymentLoad;

/** Every wire format can say it. */
const ALL = 0xffff;

export interface ExampleLines {
  pool?: string;
  shape: string;
  lines: number;
  characters: number;
  maxOutput: number;
  /** By line; null = its lines have none. */
  keys?: readonly (number | null)[] | null;
}

export function drainingOfLines(
  all: readonly ExampleLines[],
  over: Partial<Draining> = {},
): Draining {
  return {
    id: 'batch_00000000000000000000000000000001',
    tenant: 'a',
    band: 3,
    priority: 'low',
    maxTier: null,
    createdAt: 0,
    expiresAt: 86_400_000,
    classes: all.map(classOf),
    fed: 0,
    recorded: 0,
    feeding: false,
    planned: true,
    ceiling: null,
    counted: {
      lines: 0,
      input: 0,
      output: 0,
      before: { recorded: 0, input: 0, output: 0 },
      settled: { input: 0, output: 0 },
    },
    ...over,
  };
}

function classOf(
  { pool = 'fast', shape, lines, characters, maxOutput, keys = null }: ExampleLines,
  index: number,
): DrainingClass {
  const record: Omit<IndexRecord, 'line'> = {
    offset: 0,
    length: 1,
    characters,
    maxOutput,
    formats: ALL,
  };
  return {
    of: {
      index: `index-${index}`,
      pool,
      formats: ALL,
      shape,
      jobs: lines,
      characters: lines * characters,
      maxOutput: lines * maxOutput,
      unsetOutput: 0,
    },
    index,
    name: `index-${index}`,
    pool,
    formats: ALL,
    jobs: lines,
    cursor: 0,
    taken: 0,
    fedBy: 0,
    planId: '',
    ahead: Array.from({ length: lines }, (_, i) => ({
      ...record,
      line: i + 1,
      ...(keys && { key: keys[i] ?? null }),
    })),
    loading: false,
    keyed: keys !== null,
    key: null,
  };
}

/** A split in halves over a hundred calls a second and ten; `settings` of the strategy follow its arms. */
export const halves = (settings: string): string => `
deployments:
  mini: { provider: p, model: m, limits: { rpm: 600 } }
  other: { provider: p, model: m, limits: { rpm: 6000 } }
pools: { fast: { strategy: { name: split, arms: { mini: 50, other: 50 }${settings} }, tiers: [[mini, other]] } }
`;

/** What a plan is made for: every deployment takes calls, and nothing is known of lengths. */
export const problemPortsOf = (fleet: Fleet, now: number, shapingOf: ShapingOf = () => null) => ({
  fleet,
  picture: pictureOf(fleet, now),
  lengths: new LengthsBook(() => now),
  eligible: () => null,
  usable: () => true,
  shapingOf,
  waitingSince: () => now,
  now: () => now,
});

/** What estimates are made with, beside these batches, and no plan yet. */
export function besidePortsOf(
  fleet: Fleet,
  now: number,
  about: Pick<BesidePorts, 'solve'> & { draining?: Draining[]; shapingOf?: ShapingOf },
): BesidePorts {
  const { solve, draining = [], shapingOf = () => null } = about;
  const problem = problemPortsOf(fleet, now, shapingOf);
  return {
    ...problem,
    alone: new AloneBook(problem),
    weightOf: () => 1,
    book: { plan: null, madeAt: 0 },
    limited: { shapingOf, singlesOf: () => Promise.resolve(new Map()) },
    solve,
    feeder: { draining },
  };
}

/** Lines of a batch that are one class. */
export const exampleClass = (over: Partial<BatchClass> = {}): BatchClass => ({
  index: 'index-0',
  pool: 'fast',
  formats: 1,
  shape: '1.4',
  jobs: 100,
  characters: 40_000,
  maxOutput: 0,
  unsetOutput: 0,
  ...over,
});
