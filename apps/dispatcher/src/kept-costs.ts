/**
 * What a job costs with each deployment of a pool, and how far its limits would be spoken for with it: kept for many placements, for
 * most jobs are like others, and of one placement to the next mostly one deployment stands otherwise.
 */
import { eachMs, spokenForMs, spokenForWith } from '@sluice/balancing';
import type { Candidate } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Shape } from '@sluice/job';
import { costWith, expectedOutput } from './call-cost.ts';
import type { View } from './deployment-view.ts';
import type { Likely } from './lengths-book.ts';

/** Jobs that cost the same everywhere; by the places of the deployments. */
interface Kind {
  costs: readonly Cost[];
  /** What one takes of each limit, ms: of those reckoned a second time, for most kinds are asked for once. */
  eachMs: (readonly number[] | undefined)[];
  spokenForMs: Float64Array;
  /** After which change each was reckoned, from 0; -1 = it was not yet. */
  asOf: Int32Array;
}

/** Of so many kinds of jobs it is kept. */
const MOST_KINDS = 64;

export class KeptCosts {
  readonly #views: readonly View[];
  readonly #kinds = new Map<Likely, Map<string, Kind>>();
  readonly #outputs = new Map<Likely, Map<number | null, readonly (number | null)[]>>();
  /** How often each deployment came to stand otherwise. */
  readonly #changes: Int32Array;
  #count = 0;

  constructor(views: readonly View[]) {
    this.#views = views;
    this.#changes = new Int32Array(views.length);
  }

  /** The deployment at this place stands otherwise. */
  changed(at: number): void {
    (this.#changes[at] as number) += 1;
  }

  of(shape: Shape, likely: Likely): Kind {
    const key = `${shape.characters} ${shape.maxOutput} ${shape.inputs}`;
    const known = this.#kinds.get(likely)?.get(key);
    if (known) return known;
    this.#makeRoom();
    const kinds = this.#kinds.get(likely) ?? new Map<string, Kind>();
    const outputs = this.#outputsOf(shape, likely);
    const costs = this.#views.map((view, at) => costWith(view, shape, outputs[at] ?? null));
    const { length } = costs;
    const kind = {
      costs,
      eachMs: [],
      spokenForMs: new Float64Array(length),
      asOf: new Int32Array(length).fill(-1),
    };
    this.#kinds.set(likely, kinds.set(key, kind));
    return kind;
  }

  /** Reckoned for those that stand otherwise than when it was asked last. */
  spokenForMs(kind: Kind, candidates: readonly Candidate[]): ArrayLike<number> {
    const { costs, eachMs: each, spokenForMs: all, asOf } = kind;
    const changes = this.#changes;
    for (let at = 0; at < changes.length; at += 1) {
      if (asOf[at] === changes[at]) continue;
      const [candidate, cost] = [candidates[at] as Candidate, costs[at] as Cost];
      all[at] =
        asOf[at] === -1
          ? spokenForMs(candidate, cost)
          : spokenForWith(candidate, (each[at] ??= eachMs(candidate, cost)));
      asOf[at] = changes[at] as number;
    }
    return all;
  }

  /** Of the length of a request they do not depend, and they take the longest to reckon. */
  #outputsOf(shape: Shape, likely: Likely): readonly (number | null)[] {
    const kinds = this.#outputs.get(likely) ?? new Map<number | null, readonly (number | null)[]>();
    const known = kinds.get(shape.maxOutput);
    if (known) return known;
    const outputs = this.#views.map((view) => expectedOutput(view, shape, likely));
    this.#outputs.set(likely, kinds.set(shape.maxOutput, outputs));
    return outputs;
  }

  #makeRoom(): void {
    this.#count += 1;
    if (this.#count <= MOST_KINDS) return;
    this.#count = 1;
    this.#kinds.clear();
    if (this.#outputs.size > MOST_KINDS) this.#outputs.clear();
  }
}
