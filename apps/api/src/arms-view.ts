/** The arms of a pool side by side, as GET /admin/pools shows them. */
import type { Fleet, Pool } from '@sluice/job';
import { AS_WANTED, addArmFigures, noArmFigures, readArms } from '@sluice/ledger';
import type { ArmCell, ArmFigures, Ledger } from '@sluice/ledger';
import { latencyView } from './latency-view.ts';

/** Null where the pool's strategy compares nothing. */
export async function armsOf(ledger: Ledger, fleet: Fleet, pool: Pool) {
  const compared = wantedOf(pool, fleet);
  if (compared === null) return null;
  const counted = await readArms(ledger, pool);
  const cells = counted?.cells ?? [];
  const calls = sum(cells).calls;
  const names = [...compared.wanted.keys()];
  const others = new Set(cells.map(({ deployment }) => compared.armOf(deployment)));
  for (const name of others) if (!compared.wanted.has(name)) names.push(name);
  return {
    since: counted === null ? null : Math.floor(counted.since / 1000),
    calls,
    spilled: sum(cells.filter(isSpilled)).calls,
    compared: names.map((name) => ({
      name,
      wanted: compared.wanted.get(name) ?? null,
      ...armView(
        name,
        cells.filter(({ deployment }) => compared.armOf(deployment) === name),
        cells,
      ),
    })),
  };
}

/** `mini@a` is of `mini`. */
const wholeOf = (id: string): string => id.split('@')[0] as string;

const isSpilled = ({ wanted }: ArmCell): boolean => wanted !== AS_WANTED;

function armView(name: string | null, own: readonly ArmCell[], all: readonly ArmCell[]) {
  const calls = sum(all).calls;
  return {
    got: calls === 0 ? null : sum(own).calls / calls,
    spilled_away: sum(all.filter(({ wanted }) => wanted === name)).calls,
    as_wanted: figuresView(sum(own.filter((cell) => !isSpilled(cell)))),
    spilled_here: figuresView(sum(own.filter(isSpilled))),
  };
}

interface Compared {
  /** Share of the jobs by arm, 0 to 1; by region null, but 1 for the one that is preferred to all. */
  wanted: ReadonlyMap<string | null, number | null>;
  /** Null = none of those named. */
  armOf: (deployment: string) => string | null;
}

function wantedOf({ strategy }: Pool, fleet: Fleet): Compared | null {
  if (strategy.name === 'split') {
    const wanted = new Map(
      Object.entries(strategy['arms'] as Record<string, unknown>).map(([name, percent]) => [
        name,
        Number(percent) / 100,
      ]),
    );
    const armOf = (id: string) =>
      wanted.has(id) ? id : wanted.has(wholeOf(id)) ? wholeOf(id) : null;
    return { wanted, armOf };
  }
  if (strategy.name !== 'region') return null;
  const prefer = strategy['prefer'] as string[];
  return {
    wanted: new Map(prefer.map((name, i) => [name, i === 0 ? 1 : null])),
    armOf: (id) => fleet.deployments.get(id)?.region ?? null,
  };
}

function sum(cells: readonly ArmCell[]): ArmFigures {
  const all = noArmFigures();
  for (const { figures } of cells) addArmFigures(all, figures);
  return all;
}

function figuresView(of: ArmFigures) {
  const { calls, succeeded, aside, tookMs, durations, input, output, costUsd, unpriced } = of;
  const answered = succeeded > 0;
  return {
    calls,
    jobs: succeeded,
    success_rate: calls === aside ? null : succeeded / (calls - aside),
    mean_latency_ms: answered ? tookMs / succeeded : null,
    latency_ms: latencyView(durations),
    input_tokens: input,
    output_tokens: output,
    cost_usd: unpriced === calls ? null : costUsd,
    cost_usd_per_job: answered && unpriced < calls ? costUsd / succeeded : null,
  };
}
