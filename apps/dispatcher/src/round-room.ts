/** Where there is room for lines of a class in one round of feeding, as the deployments stand since the last chunk was placed. */
import { depthFor, room, takesCalls, takesCallsOf } from '@sluice/balancing';
import type { Candidate, SpillTiers, Spills } from '@sluice/balancing';
import type { Chooser } from './chooser.ts';
import { laneOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { Picture } from './picture.ts';
import type { How } from './placing-lines.ts';
import type { PlanBook } from './plan-book.ts';

export interface RoomPorts {
  chooser: Pick<Chooser, 'depth' | 'eligible'>;
  picture: Pick<Picture, 'candidate'>;
  book: Pick<PlanBook, 'cost'>;
  spills: Spills;
  now: () => number;
}

interface Going {
  deployment: string;
  band: How['band'];
}

export class RoundRoom {
  readonly #ports: RoomPorts;
  readonly #candidates = new Map<string, Candidate | null>();
  /** Of classes in pools that spill; null = theirs does not. */
  readonly #tiers = new Map<DrainingClass, SpillTiers | null>();

  constructor(ports: RoomPorts) {
    this.#ports = ports;
  }

  /** A chunk was placed: deployments stand otherwise than before. */
  changed(): void {
    this.#candidates.clear();
  }

  candidate(id: string): Candidate | null {
    const known = this.#candidates.get(id);
    if (known !== undefined) return known;
    const candidate = this.#ports.picture.candidate(id, this.#ports.now());
    this.#candidates.set(id, candidate);
    return candidate;
  }

  /** For a line of the plan's class. */
  hasRoom(planId: string, { deployment, band }: Going): boolean {
    const { book, chooser } = this.#ports;
    const candidate = this.candidate(deployment);
    const cost = book.cost(planId, deployment);
    if (candidate === null || !takesCalls(candidate) || cost === null) return false;
    const costs = { requests: cost.requests, input: cost.input, output: cost.output };
    return room(candidate, costs, depthFor(band, chooser.depth)) > 0;
  }

  /** Whether the pool's rules for spilling let lines of the class go there now. */
  mayGo(batch: Draining, one: DrainingClass, { deployment, band }: Going): boolean {
    const tiers = this.tiersOf(one);
    if (tiers === null) return true;
    const { spills, now } = this.#ports;
    const hasRoom = (id: string): boolean => this.hasRoom(one.planId, { deployment: id, band });
    return spills.mayGo(laneOf(batch, one), { deployment, tiers, hasRoom }, now());
  }

  /** Of the class's pool; null = it does not spill. */
  tiersOf(one: DrainingClass): SpillTiers | null {
    const known = this.#tiers.get(one);
    if (known !== undefined) return known;
    const { chooser, spills } = this.#ports;
    const able = spills.concerns(one.pool) ? chooser.eligible(one.pool, one.formats) : null;
    const tiers = spills.tiersOf(one.pool, (id) => {
      const candidate = this.candidate(id);
      return candidate !== null && takesCallsOf(able, candidate);
    });
    this.#tiers.set(one, tiers);
    return tiers;
  }
}
