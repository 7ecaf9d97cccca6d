/**
 * How long each batch that drains would take alone, by the limits as they stand. A linear program for each, so only the
 * estimates that were made longest ago are made anew at a time; between two, less work takes less time.
 */
import { idealDrain } from '@sluice/planning';
import type { Draining } from './draining.ts';
import { aloneProblem } from './alone-problem.ts';
import { linesToCome, paidLines } from './paid-lines.ts';
import type { ProblemPorts } from './plan-problem.ts';

interface Known {
  /** ms; null = it cannot be done now. */
  aloneMs: number | null;
  lines: number;
  at: number;
}

/** Programs solved in one round, on the thread that places. */
const AT_ONCE = 4;

export class AloneBook {
  readonly #ports: ProblemPorts;
  readonly #known = new Map<string, Known>();

  constructor(ports: ProblemPorts) {
    this.#ports = ports;
  }

  /** Estimates the few batches that were longest without one. Those that drain no more are forgotten. */
  async look(batches: readonly Draining[]): Promise<void> {
    const ids = new Set(batches.map(({ id }) => id));
    for (const id of this.#known.keys()) if (!ids.has(id)) this.#known.delete(id);
    const since = ({ id }: Draining): number => this.#known.get(id)?.at ?? -Infinity;
    const due = batches.toSorted((a, b) => since(a) - since(b));
    for (const batch of due.slice(0, AT_ONCE)) await this.#estimate(batch);
  }

  /** ms; null = not known, or it cannot be done now. */
  aloneMs(batch: Draining): number | null {
    const known = this.#known.get(batch.id);
    if (!known || known.aloneMs === null) return null;
    return known.lines === 0 ? 0 : (known.aloneMs * this.#linesOf(batch)) / known.lines;
  }

  /** Whether it cannot be done as the fleet stands: then it takes no turns from others. */
  isStuck({ id }: Draining): boolean {
    return this.#known.get(id)?.aloneMs === null;
  }

  async #estimate(batch: Draining): Promise<void> {
    const [at, lines] = [this.#ports.now(), this.#linesOf(batch)];
    const ideal = await idealDrain(aloneProblem(this.#ports, batch));
    const aloneMs =
      ideal.kind === 'solved' && Number.isFinite(ideal.idealMs) ? ideal.idealMs : null;
    this.#known.set(batch.id, { aloneMs, lines, at });
  }

  #linesOf(batch: Draining): number {
    const paid = paidLines(this.#ports, batch);
    return batch.classes.reduce((sum, one) => sum + linesToCome(paid, one), 0);
  }
}
