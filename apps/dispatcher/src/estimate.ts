/**
 * What a batch will take, before its first call: T*, the best possible drain time (linear program over classes ×
 * deployments) if it had everything to itself, when it will be done beside what drains now, its tokens and its cost. Lines of
 * pools that save money take the time and cost what the plan will give them: the cheapest that keeps the deadline.
 */
import type { Fleet, Shape } from '@sluice/job';
import type {
  BatchClass,
  Estimate,
  EstimateRange as Range,
  PoolEstimate,
  StoredBatch,
} from '@sluice/ledger';
import { idealDrain, renewalMs } from '@sluice/planning';
import type { JobClass } from '@sluice/planning';
import { outputRange, usualOutput } from '@sluice/prediction';
import { assumptionsOf } from './assumptions.ts';
import { besideMs, shapedBeside } from './beside.ts';
import type { BesidePorts } from './beside.ts';
import { asDraining } from './draining.ts';
import type { ToDrain } from './draining.ts';
import { capHints } from './cap-hints.ts';
import type { Likely } from './lengths-book.ts';
import { lengthHints } from './length-hints.ts';
import { paidAhead } from './paid-lines.ts';
import type { PricedLines } from './paid-lines.ts';
import type { Picture } from './picture.ts';
import { meanLine, pricedAt } from './priced-lines.ts';
import { partsOf } from './class-parts.ts';
import { placements, placesWanted } from './class-places.ts';
import { problemOf } from './fleet-problem.ts';
import { savesMoney } from './saving-pools.ts';
import { sizeHints } from './size-hints.ts';
import { byEnds, thriftyPlan } from './thrifty-plan.ts';
import type { ThriftyPlan } from './thrifty-plan.ts';

/** What estimates are made with. */
export type EstimatePorts = BesidePorts;

type ToEstimate = ToDrain & Partial<Pick<StoredBatch, 'maxCostUsd'>>;

export async function estimate(ports: EstimatePorts, batch: ToEstimate): Promise<Estimate> {
  const { id, tenant, maxTier, maxCostUsd = null } = batch;
  const known = batch.classes.flatMap((one, lineClass) => {
    const likely = ports.lengths.likely({ pool: one.pool, tenant, batch: id, lineClass });
    return partsOf(ports, one).map((part) => ({ lines: one, lineClass, likely, ...part }));
  });
  const placedBy = (of: typeof placements): JobClass[] =>
    known.map(({ lines, likely, share, arm }, i) => ({
      id: String(i),
      jobs: lines.jobs * share,
      deployments: of(ports, lines, { maxTier, likely, arm }),
    }));
  const classes = placedBy(placements);
  const wanted = placedBy(placesWanted);
  const solved = await solvedFor(ports, classes);
  const thrifty = await thriftyPlan(ports, batch, (lineClass, place) => {
    const one = known.find((each) => each.lineClass === lineClass);
    return lineAt(ports, place, one as (typeof known)[number]);
  });
  const pools: Record<string, PoolEstimate> = {};
  for (const [i, one] of known.entries()) {
    const places = solved?.assignment[String(i)] ?? anyOf(wanted[i]);
    const sum = byEnds(thrifty, one.lineClass, (planned) => summed(ports, one, planned ?? places));
    const before = pools[one.lines.pool];
    pools[one.lines.pool] = before ? together(before, sum) : sum;
  }
  const all = Object.values(pools);
  for (const pool of all) pool.lines = Math.round(pool.lines);
  return {
    assumed: assumptionsOf(ports, { known, classes: wanted, pools }),
    hints: [
      ...lengthHints(ports.picture, known, wanted),
      ...sizeHints(ports.picture, known, wanted),
      ...capHints(ports, known, classes),
    ],
    idealMs: solved ? Math.round(solved.idealMs) : null,
    etaMs: solved && (await endMs(ports, batch, { solved, classes, thrifty })),
    thrifty: thrifty === null ? [] : thriftyPools(ports, batch.classes),
    ...(maxCostUsd !== null && {
      paidLines: paidAhead(
        maxCostUsd,
        known.map((one, i) => pricedLines(ports, one, classes[i])),
      ),
    }),
    pools,
    inputTokens: all.map(({ inputTokens }) => inputTokens).reduce(plus, NOTHING),
    outputTokens: all.map(({ outputTokens }) => outputTokens).reduce(plus, NOTHING),
    costUsd: all.map(({ costUsd }) => costUsd).reduce<Range | null>(plusUsd, NOTHING),
  };
}

/** `bookedAt`: see {@link problemOf}. Null = nobody can say: somewhere in it are lines that nobody takes now, or that are too large for all who would. */
async function solvedFor(
  ports: EstimatePorts,
  classes: readonly JobClass[],
  bookedAt: number | null = null,
): Promise<Solved | null> {
  const isStuck = ({ jobs, deployments }: JobClass): boolean =>
    jobs > 0 && !Object.keys(deployments).some((id) => ports.usable(id));
  if (classes.some(isStuck)) return null;
  const ideal = await idealDrain(problemOf(ports, [...classes], bookedAt));
  return ideal.kind === 'solved' && Number.isFinite(ideal.idealMs) ? ideal : null;
}

type Solved = Extract<Awaited<ReturnType<typeof idealDrain>>, { kind: 'solved' }>;

const thriftyPools = ({ fleet }: EstimatePorts, classes: readonly BatchClass[]): string[] =>
  [...new Set(classes.map(({ pool }) => pool))].filter((pool) => savesMoney(fleet, pool));

/** Lines that save money end by the plan, the others in turns, and none before its tenant's limits let it. */
async function endMs(
  ports: EstimatePorts,
  batch: ToDrain,
  about: { solved: Solved; classes: readonly JobClass[]; thrifty: ThriftyPlan | null },
): Promise<number> {
  const { solved, classes, thrifty } = about;
  const { idealMs, binding } = solved;
  const own = asDraining(batch);
  const shaped = await shapedBeside(ports, own);
  const byTurns = async (): Promise<number> => {
    const dimensions = binding.map(({ dimension }) => dimension);
    const byDay = renewalMs(idealMs, dimensions);
    if (byDay !== null) return byDay;
    const aloneMs = (await solvedFor(ports, classes, ports.now()))?.idealMs ?? idealMs;
    return besideMs(ports, { batch: own, aloneMs, shaped });
  };
  const all = batch.classes.every(({ pool }) => savesMoney(ports.fleet, pool));
  const turnsMs = thrifty !== null && all ? 0 : await byTurns();
  return Math.round(Math.max(thrifty?.endMs ?? 0, turnsMs, shaped.get(own.id) ?? 0));
}

/** Where no plan is possible, its cost is that of whoever is named first. */
function anyOf(one: JobClass | undefined): Record<string, number> {
  const [first] = Object.keys(one?.deployments ?? {});
  return first === undefined ? {} : { [first]: one?.jobs ?? 0 };
}

const NOTHING: Range = { low: 0, likely: 0, high: 0 };

function summed(
  { picture, fleet }: EstimatePorts,
  known: { lines: BatchClass; likely: Likely; share: number },
  places: Readonly<Record<string, number>>,
): PoolEstimate {
  const jobs = known.lines.jobs * known.share;
  let sum: PoolEstimate = { lines: 0, inputTokens: NOTHING, outputTokens: NOTHING, costUsd: null };
  for (const [id, share] of Object.entries(places)) {
    const each = lineAt({ picture, fleet }, id, known);
    const part: PoolEstimate = {
      lines: 0,
      inputTokens: times(each.inputTokens, share),
      outputTokens: times(each.outputTokens, share),
      costUsd: each.costUsd && times(each.costUsd, share),
    };
    sum = sum.lines === 0 ? { ...part, lines: jobs } : together(sum, part);
  }
  return { ...sum, lines: jobs };
}

/** Where they may go, and what one of them costs there. */
function pricedLines(
  { picture, fleet, now }: EstimatePorts,
  known: { lines: BatchClass; likely: Likely },
  placed: JobClass | undefined,
): PricedLines {
  const { jobs: lines = 0, deployments = {} } = placed ?? {};
  const about = { shape: meanLine(known.lines), likely: known.likely, lines, now: now() };
  const places = Object.keys(deployments).map((id) => ({
    ...pricedAt(picture, id, about),
    usd: lineAt({ picture, fleet }, id, known).costUsd ?? NOTHING,
  }));
  return { lines, places };
}

/** A line of the class at a deployment: those that set a maximum and those that do not differ. */
function lineAt(
  { picture, fleet }: { picture: Picture; fleet: Fleet },
  id: string,
  { lines, likely }: { lines: BatchClass; likely: Likely },
): PoolEstimate {
  const jobs = Math.max(1, lines.jobs);
  const setters = Math.max(0, lines.jobs - lines.unsetOutput);
  const characters = lines.characters / jobs;
  const shapes: [Shape, number][] = [
    [{ characters, maxOutput: lines.maxOutput / Math.max(1, setters), inputs: 1 }, setters / jobs],
    [{ characters, maxOutput: null, inputs: 1 }, 1 - setters / jobs],
  ];
  const priced = (fleet.deployments.get(id)?.price ?? null) !== null;
  const [input, output, usd] = [NOTHING, NOTHING, NOTHING].map((none, figure) =>
    shapes
      .filter(([, share]) => share > 0)
      .map(([shape, share]) =>
        times(figuresOf(picture, id, { shape, likely })[figure] as Range, share),
      )
      .reduce(plus, none),
  ) as [Range, Range, Range];
  return { lines: 1, inputTokens: input, outputTokens: output, costUsd: priced ? usd : null };
}

/** Before its first answer a deployment's characters per token may be a third off. */
const GUESSED_INPUT = { low: 0.75, likely: 1, high: 4 / 3 };
const MEASURED_INPUT = { low: 1, likely: 1, high: 1 };
/** Answers of anybody at the deployment tell half. */
const ANYBODYS = 0.5;

/** Input tokens, output tokens and US dollars of one line. */
function figuresOf(
  picture: Picture,
  id: string,
  { shape, likely }: { shape: Shape; likely: Likely },
): [Range, Range, Range] {
  const most = picture.mostOutput(id, shape);
  const expects = picture.expects(id, shape, likely) ?? usualOutput(most);
  const answered = (picture.load(id)?.meanOutput ?? null) !== null;
  const certainty = Math.max(likely.certainty, answered ? ANYBODYS : 0);
  const output = outputRange(expects, most, certainty);
  const factor = answered ? MEASURED_INPUT : GUESSED_INPUT;
  const at = (end: keyof Range) =>
    picture.costWith(id, { ...shape, characters: shape.characters * factor[end] }, output[end]);
  const ends = { low: at('low'), likely: at('likely'), high: at('high') };
  return [mapped(ends, ({ input }) => input), output, mapped(ends, ({ usd }) => usd)];
}

const mapped = <T>(ends: Record<keyof Range, T>, read: (end: T) => number): Range => ({
  low: read(ends.low),
  likely: read(ends.likely),
  high: read(ends.high),
});

const times = (range: Range, by: number): Range => mapped(range, (end) => end * by);

const plus = (a: Range, b: Range): Range => ({
  low: a.low + b.low,
  likely: a.likely + b.likely,
  high: a.high + b.high,
});

const plusUsd = (a: Range | null, b: Range | null): Range | null => a && b && plus(a, b);

const together = (a: PoolEstimate, b: PoolEstimate): PoolEstimate => ({
  lines: a.lines + b.lines,
  inputTokens: plus(a.inputTokens, b.inputTokens),
  outputTokens: plus(a.outputTokens, b.outputTokens),
  costUsd: plusUsd(a.costUsd, b.costUsd),
});
