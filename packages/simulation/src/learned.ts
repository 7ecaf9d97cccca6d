/**
 * What answers have taught: of each deployment what production counts (packages/budget) and how long its calls take,
 * and how long answers are, by pool, tenant, batch and class (packages/prediction). Nothing is known beforehand.
 */
import { USUAL_CHARS_PER_TOKEN } from '@sluice/job';
import {
  NO_CALLS,
  cachedShare,
  charsPerToken,
  commonFigures,
  countEnded,
  expectedCost,
  meanOutput,
  tally,
} from '@sluice/budget';
import type { CommonFigures, Cost, Counters, EndedOutcome } from '@sluice/budget';
import type { Deployment, Fleet } from '@sluice/job';
import {
  NEW_LATENCY_MODEL,
  NEW_LENGTHS,
  afterAnswer,
  afterCall,
  expectedOutput,
  learn,
  newSpeed,
  predictMs,
  ratioAt,
  usualOutput,
} from '@sluice/prediction';
import type { LatencyModel, Lengths, Speed } from '@sluice/prediction';
import type { Task } from './task.ts';

/** Processes look at what others have learnt now and then. */
const LEARN_EVERY_MS = 500;

type Kind = Pick<Task, 'shape' | 'job' | 'kindKey'>;

interface Known {
  deployment: Deployment;
  counters: Counters;
  latency: LatencyModel;
  speed: Speed;
}

/** A call that ended, as its deployment learns from it. */
export interface EndedCall extends EndedOutcome {
  /** What it was expected to take, ms, and how many other calls were running when it began. */
  predictedMs: number;
  inFlight: number;
  now: number;
}

export class Learned {
  readonly #known = new Map<string, Known>();
  readonly #lengths = new Map<string, Lengths>();
  /** Expected lengths as last looked at, by kind of job and by what is expected before anything is known. */
  readonly #expected = new Map<string, Map<number, number>>();
  /** As of the last look; null = not asked for since. */
  #common: ReadonlyMap<string, CommonFigures> | null = null;
  #lookedAt = 0;

  constructor(fleet: Fleet) {
    for (const deployment of fleet.deployments.values()) {
      const latency = NEW_LATENCY_MODEL;
      const known = { deployment, counters: NO_CALLS, latency, speed: newSpeed(0) };
      this.#known.set(deployment.id, known);
    }
  }

  /** What was learnt since counts from now on. */
  look(now: number): void {
    if (now - this.#lookedAt < LEARN_EVERY_MS) return;
    this.#lookedAt = now;
    this.#expected.clear();
    this.#common = null;
  }

  /** Mean duration of a call, ms; null before the first answer. */
  meanLatencyMs(deployment: string): number | null {
    const { counters } = this.#of(deployment);
    return counters.ok > 0 ? counters.meanLatencyMs : null;
  }

  /** How it does against what is predicted of it; 1 = as predicted. */
  speed(deployment: string, now: number): number {
    return ratioAt(this.#of(deployment).speed, now);
  }

  ended(deployment: string, task: Task, call: EndedCall): void {
    const known = this.#of(deployment);
    const { outcome, usage, tookMs, inFlight, now, predictedMs } = call;
    known.counters = countEnded(known.counters, tally([call]));
    if (outcome !== 'rate_limited') {
      const { timeoutMs } = known.deployment;
      const ended = { predictedMs, tookMs, failed: outcome !== 'ok', timeoutMs, now };
      known.speed = afterCall(known.speed, ended);
    }
    if (usage === null) return;
    const { input_tokens: input, output_tokens: output } = usage;
    known.latency = learn(known.latency, { input, output, inFlight, tookMs });
    for (const key of levelsOf(task))
      this.#lengths.set(key, afterAnswer(this.#lengths.get(key) ?? NEW_LENGTHS, output));
  }

  /** What one of these jobs is expected to take out of the deployment's budgets. */
  cost(deployment: string, kind: Kind): Cost {
    const { counters, deployment: about } = this.#of(deployment);
    const { defaultMaxTokens, price } = about;
    return expectedCost(kind.shape, {
      charsPerToken: charsPerToken(counters) ?? USUAL_CHARS_PER_TOKEN,
      cachedShare: cachedShare(counters),
      meanOutput: this.output(kind, defaultMaxTokens),
      defaultMaxTokens,
      accounting: about.accounting,
      price,
    });
  }

  /** What one of these jobs costs there for comparing prices, as the dispatcher's picture has it; null = its price is not known. */
  comparedUsd(deployment: string, kind: Kind): number | null {
    const { defaultMaxTokens, accounting, price } = this.#of(deployment).deployment;
    if (price === null) return null;
    const common = this.#commonFigures().get(deployment) as CommonFigures;
    const most = kind.shape.maxOutput ?? defaultMaxTokens;
    const output = this.output(kind, common.meanOutput ?? usualOutput(most));
    const facts = { ...common, meanOutput: output, defaultMaxTokens, accounting, price };
    return expectedCost(kind.shape, facts).usd;
  }

  #commonFigures(): ReadonlyMap<string, CommonFigures> {
    return (this.#common ??= commonFigures(
      [...this.#known.values()].map(({ deployment: { id, model, price }, counters }) => ({
        id,
        model,
        price,
        answers: counters.ok,
        charsPerToken: charsPerToken(counters) ?? USUAL_CHARS_PER_TOKEN,
        cachedShare: cachedShare(counters),
        meanOutput: meanOutput(counters),
      })),
    ));
  }

  /** Expected duration of a call, ms. */
  predictedMs(deployment: string, kind: Kind, inFlight: number): number {
    const { counters, deployment: about, latency } = this.#of(deployment);
    const input = kind.shape.characters / (charsPerToken(counters) ?? USUAL_CHARS_PER_TOKEN);
    const most = kind.shape.maxOutput ?? about.defaultMaxTokens;
    const output = Math.min(most, this.output(kind, about.defaultMaxTokens));
    return predictMs(latency, { input, output, inFlight });
  }

  /** Expected tokens of an answer; `otherwise` before anything is known. */
  output(kind: Kind, otherwise: number): number {
    let known = this.#expected.get(kind.kindKey);
    if (known === undefined) this.#expected.set(kind.kindKey, (known = new Map()));
    const before = known.get(otherwise);
    if (before !== undefined) return before;
    const levels = levelsOf(kind).map((level) => this.#lengths.get(level));
    const { mean } = expectedOutput(levels, { mean: otherwise, p50: otherwise, p995: otherwise });
    known.set(otherwise, mean);
    return mean;
  }

  #of(deployment: string): Known {
    return this.#known.get(deployment) as Known;
  }
}

/** The most general first. */
function levelsOf({ job, kindKey }: Pick<Task, 'job' | 'kindKey'>): string[] {
  const { pool, tenant, batch } = job;
  const own = batch === null ? [] : [`${pool} ${tenant} ${batch}`];
  return [pool, `${pool} ${tenant}`, ...own, kindKey];
}
