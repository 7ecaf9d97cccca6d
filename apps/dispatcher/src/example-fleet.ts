/** For tests: a fleet out of a config text, looked at once with nothing running, and a batch of it that drains. */
import assert from 'node:assert/strict';
import type { DeploymentLoad } from '@sluice/admission';
import { loadConfig } from '@sluice/config';
import type { IndexRecord } from '@sluice/files';
import type { Fleet } from '@sluice/job';
import type { Draining, DrainingClass } from './draining.ts';
import { Picture } from './picture.ts';

export function fleetOf(config: string): Fleet {
  const providers =
    'providers: { p: { type: openai, base_url: "http://127.0.0.1:9/v1", api_key: k } }';
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
