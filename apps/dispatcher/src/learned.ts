/**
 * What the ends of calls teach about deployments: how long a call takes there for its tokens and load, and how a deployment
 * does against that. From the outcomes that this process records, which is a fair part of all when there are several.
 */
import type { Attempt, Deployment } from '@sluice/job';
import {
  afterCall,
  learn,
  NEW_LATENCY_MODEL,
  newSpeed,
  predictMs,
  ratioAt,
} from '@sluice/prediction';
import type { Call, LatencyModel, Speed } from '@sluice/prediction';

interface Known {
  latency: LatencyModel;
  speed: Speed;
  timeoutMs: number;
}

export class Learned {
  readonly #known = new Map<string, Known>();
  readonly #now: () => number;

  /** Of other deployments than these it learns nothing. */
  constructor(deployments: readonly Pick<Deployment, 'id' | 'timeoutMs'>[], now: () => number) {
    this.#now = now;
    this.follow(deployments);
  }

  /** From now on it learns of these: what it knows of them stays, the others are forgotten. */
  follow(deployments: readonly Pick<Deployment, 'id' | 'timeoutMs'>[]): void {
    const before = new Map(this.#known);
    this.#known.clear();
    for (const { id, timeoutMs } of deployments) {
      const known = before.get(id) ?? { latency: NEW_LATENCY_MODEL, speed: newSpeed(0) };
      this.#known.set(id, { ...known, timeoutMs });
    }
  }

  /** Whether there is a deployment of which it learns. */
  get isLearning(): boolean {
    return this.#known.size > 0;
  }

  /** A call ended, with so many others running there. Failures say nothing of durations, 429s nothing of speed. */
  ended({ deployment, took_ms: tookMs, outcome, usage }: Attempt, inFlight: number): void {
    const known = this.#known.get(deployment);
    if (!known || outcome === 'rate_limited' || outcome === 'lost') return;
    const failed = outcome !== 'ok';
    const call = { input: usage?.input_tokens ?? 0, output: usage?.output_tokens ?? 0, inFlight };
    const predictedMs = predictMs(known.latency, call);
    // Before anything was learnt the scale of a prediction is anybody's guess.
    if (known.latency.samples > 0) {
      const { timeoutMs } = known;
      const ended = { predictedMs, tookMs, failed, timeoutMs, now: this.#now() };
      known.speed = afterCall(known.speed, ended);
    }
    if (!failed && usage) known.latency = learn(known.latency, { ...call, tookMs });
  }

  /** Expected duration, ms; null before the first answer. */
  predictedMs(deployment: string, call: Call): number | null {
    const known = this.#known.get(deployment);
    return known && known.latency.samples > 0 ? predictMs(known.latency, call) : null;
  }

  /** Actual ÷ predicted; null before the first answer. */
  speed(deployment: string): number | null {
    const known = this.#known.get(deployment);
    return known && known.latency.samples > 0 ? ratioAt(known.speed, this.#now()) : null;
  }
}
