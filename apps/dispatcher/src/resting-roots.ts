/**
 * Which roots (deployments that share budgets, or one by itself) a look at Redis reads. What stirs is read at every look. Where
 * nothing is queued, under way, booked ahead or to come, nothing changes unless this leader places something: such a root is read
 * again after as long as it has rested, at last about once a second, and at once when something stirs there. Pure: times are
 * arguments.
 */
import type { DeploymentLoad } from '@sluice/admission';
import type { Fleet } from '@sluice/job';

/** What is changed by others than the leader (an operator's tool, a call of the leader before) is seen within this. */
const MOST_REST_MS = 1_000;

interface Root {
  members: string[];
  stirs: boolean;
  /** When it was last known to stir, and last read, ms. */
  stirredAt: number;
  readAt: number;
  /** When something happens there by itself, ms: a pause ends, something of a day comes back. */
  comesAt: number;
}

export class RestingRoots {
  readonly #fleet: Fleet;
  /** Those that were read the longest ago first. */
  readonly #roots = new Map<string, Root>();
  readonly #loads = new Map<string, DeploymentLoad>();
  #anew = true;

  constructor(fleet: Fleet) {
    this.#fleet = fleet;
  }

  /** Of every deployment of the fleet, as it was read last. */
  get loads(): ReadonlyMap<string, DeploymentLoad> {
    return this.#loads;
  }

  /** The fleet is another, or its limits are: the next look reads all of it. */
  forget(): void {
    this.#anew = true;
  }

  /**
   * Roots to read now. `stirred`: deployments where something happened since the look before. A root stays due until it was
   * read. Of those that rest, so few at once that they are spread over their second.
   */
  due(stirred: Iterable<string>, { now, everyMs }: { now: number; everyMs: number }): Set<string> {
    if (this.#anew) this.#follow(now);
    this.#anew = false;
    for (const id of stirred) this.#stir(id, now);
    const due = new Set<string>();
    let spare = Math.ceil((this.#roots.size * everyMs) / MOST_REST_MS);
    for (const [id, root] of this.#roots) {
      const comes = root.comesAt <= now;
      const rested = !root.stirs && !comes && isRested(root, now);
      if (rested) spare -= 1;
      if (root.stirs || comes || (rested && spare >= 0)) due.add(id);
    }
    return due;
  }

  /** These were read. `rests`: whether nothing is queued, under way or booked at a deployment, and nothing has changed. */
  read(
    loads: ReadonlyMap<string, DeploymentLoad>,
    { now, rests }: { now: number; rests: (deployment: string) => boolean },
  ): void {
    const roots = new Set<string>();
    for (const [id, load] of loads) {
      const root = this.#fleet.deployments.get(id)?.root;
      if (root === undefined) continue;
      this.#loads.set(id, load);
      roots.add(root);
    }
    for (const id of roots) this.#readRoot(id, { now, rests });
  }

  #readRoot(
    id: string,
    { now, rests }: { now: number; rests: (deployment: string) => boolean },
  ): void {
    const root = this.#roots.get(id);
    if (root === undefined) return;
    root.stirs = !root.members.every(rests);
    if (root.stirs) root.stirredAt = now;
    root.readAt = now;
    root.comesAt = now + Math.min(...root.members.map((one) => comesInMs(this.#loads.get(one))));
    this.#roots.delete(id);
    this.#roots.set(id, root);
  }

  #stir(id: string, now: number): void {
    const root = this.#roots.get(this.#fleet.deployments.get(id)?.root ?? '');
    if (root === undefined) return;
    root.stirs = true;
    root.stirredAt = now;
  }

  #follow(now: number): void {
    this.#roots.clear();
    const { deployments } = this.#fleet;
    for (const id of this.#loads.keys()) if (!deployments.has(id)) this.#loads.delete(id);
    for (const { id, root } of deployments.values()) {
      const known = this.#roots.get(root);
      if (known) known.members.push(id);
      else this.#roots.set(root, { ...UNREAD, members: [id], stirredAt: now, readAt: now });
    }
  }
}

const UNREAD = { stirs: true, comesAt: Number.POSITIVE_INFINITY } as const;

/** A root is left alone for as long as it has rested. */
const isRested = ({ readAt, stirredAt }: Root, now: number): boolean =>
  now - readAt >= Math.min(MOST_REST_MS, readAt - stirredAt);

/** Infinity where nothing comes by itself. */
function comesInMs(load: DeploymentLoad | undefined): number {
  if (load === undefined) return Infinity;
  let soonest = load.pausedForMs > 0 ? load.pausedForMs : Infinity;
  for (const { nextMs } of load.windows) if (nextMs > 0) soonest = Math.min(soonest, nextMs);
  return soonest;
}
