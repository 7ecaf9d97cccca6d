/**
 * The place where entries wait for a deployment, and the pump that places them.
 *
 * One lane per pool and band, oldest first; single jobs of a band go before batch lines of the same band. Nothing is placed
 * that the deployment cannot take within about a second (late binding), so whatever waits here can still go anywhere.
 */
import type { Queue } from 'bullmq';
import type { Asked, Choice, Depth, Memory, PoolNow } from '@sluice/balancing';
import { choose, NO_MEMORY, strategyNamed } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Fleet, Pool, Priority, Shape } from '@sluice/job';
import { BAND } from '@sluice/job';
import { placeEntry, readWaiting } from '@sluice/ledger';
import type { Ledger, Waiting } from '@sluice/ledger';
import { formatBit } from '@sluice/providers';
import { entryJobId } from '@sluice/queues';
import type { EntryData } from '@sluice/queues';
import { isLate } from './expire.ts';
import type { Picture } from './picture.ts';
import { isPlanned } from './plan-problem.ts';

export type Band = 1 | 2 | 3;
export type RunQueues = (deployment: string) => Queue<EntryData>;

export interface PlacerPorts {
  ledger: Ledger;
  fleet: Fleet;
  picture: Picture;
  depth: Depth;
  queue: RunQueues;
  leaderToken: number;
  now: () => number;
  random: () => number;
  /** Batch lines of a band take their turn: called after the singles of that band. */
  feed: (band: Band) => void;
  /** It is past its deadline: nothing of it begins any more. */
  onLate: (waiting: Waiting) => Promise<void>;
  onError: (what: string, error: unknown) => void;
}

interface Pending {
  waiting: Waiting;
  since: number;
  done: (end: PlaceEnd) => void;
}

/** `closed`: the term ended before it had a place; it goes back to where it came from. */
export type PlaceEnd = 'settled' | 'closed';

/** When the sweeper looks after something that was placed. */
export const CHECK_PLACED_MS = 15_000;
const BANDS: readonly Band[] = [1, 2, 3];
const LATE = { kind: 'late' } as const;

export class Placer {
  readonly #ports: PlacerPorts;
  readonly #lanes = new Map<string, Pending[]>();
  readonly #known = new Set<string>();
  readonly #memory = new Map<string, Memory>();
  readonly #moving = new Set<Promise<void>>();
  #pumping = false;
  #closed = false;

  constructor(ports: PlacerPorts) {
    this.#ports = ports;
  }

  /** Whether the entry waits here already. */
  has(id: string): boolean {
    return this.#known.has(id);
  }

  get waiting(): number {
    return this.#known.size;
  }

  /**
   * Places an entry, now or when there is room; resolves when its move is made (or it turned out to have none to make).
   * An entry that moved on meanwhile has its recorded move repeated: the crash may have been before the queue add.
   */
  async place(data: EntryData): Promise<PlaceEnd> {
    if (this.#closed) return 'closed';
    if (this.#known.has(data.id)) return 'settled';
    this.#known.add(data.id);
    try {
      const waiting = await readWaiting(this.#ports.ledger, data.id);
      // The term may have ended while the record was read: its token moves nothing any more.
      if (this.#closed) return 'closed';
      if (!waiting || (waiting.status !== 'queued' && waiting.status !== 'running'))
        return 'settled';
      if (isLate(waiting, this.#ports.now())) {
        await this.#ports.onLate(waiting);
        return 'settled';
      }
      if (waiting.epoch === data.epoch) return await this.#line(waiting);
      await this.#repeat(waiting);
      return 'settled';
    } finally {
      this.#known.delete(data.id);
    }
  }

  #repeat(waiting: Waiting): Promise<void> {
    if (waiting.deployment === '' || waiting.status !== 'queued') return Promise.resolve();
    return this.#queue(waiting, waiting.deployment, waiting.epoch);
  }

  #line(waiting: Waiting): Promise<PlaceEnd> {
    return new Promise((done) => {
      const name = laneName(waiting.pool, bandOf(waiting.priority));
      const pending = { waiting, since: this.#ports.now(), done };
      const lane = this.#lanes.get(name);
      if (lane) lane.push(pending);
      else this.#lanes.set(name, [pending]);
      this.pump();
    });
  }

  /** Forgets an entry that waits here and needs no place any more. */
  drop(id: string): void {
    if (!this.#known.has(id)) return;
    for (const lane of this.#lanes.values()) {
      const at = lane.findIndex(({ waiting }) => waiting.id === id);
      if (at >= 0) for (const pending of lane.splice(at, 1)) pending.done('settled');
    }
  }

  /**
   * Ends the term: what waits here is left where the ledger says it is. Resolves when the moves under way are made, with
   * their queue entries: whoever leads next finds nothing half done.
   */
  async close(): Promise<void> {
    this.#closed = true;
    for (const lane of this.#lanes.values())
      for (const pending of lane.splice(0)) pending.done('closed');
    await Promise.all(this.#moving);
  }

  /** Places whatever has room now. Cheap when nothing has. */
  pump(): void {
    if (this.#closed || this.#pumping || !this.#ports.picture.ready) return;
    this.#pumping = true;
    try {
      for (const band of BANDS) {
        for (const pool of this.#ports.fleet.pools.keys()) this.#pumpLane(laneName(pool, band));
        for (const id of this.#directLanes(band)) this.#pumpLane(id);
        this.#ports.feed(band);
      }
    } finally {
      this.#pumping = false;
    }
  }

  #directLanes(band: Band): string[] {
    return [...this.#lanes.keys()].filter(
      (name) => name.startsWith('deployment/') && name.endsWith(` ${band}`),
    );
  }

  #pumpLane(name: string): void {
    const lane = this.#lanes.get(name) ?? [];
    for (let pending = lane[0]; pending !== undefined; pending = lane[0]) {
      const choice = isLate(pending.waiting, this.#ports.now())
        ? LATE
        : this.choose(this.#askedFor(pending), pending.waiting.pool);
      if (choice.kind === 'wait') return;
      lane.shift();
      const moving = this.#carryOut(pending, choice).finally(() => this.#moving.delete(moving));
      this.#moving.add(moving);
    }
  }

  #askedFor({ waiting, since }: Pending): Omit<Asked, 'cost' | 'costs'> & { shape: Shape } {
    return {
      shape: { characters: waiting.characters, maxOutput: waiting.maxOutput, inputs: 1 },
      jobs: waiting.jobs,
      band: waiting.priority === 'interactive' ? 'interactive' : 'batch',
      exclude: waiting.exclude,
      eligible: this.eligible(waiting.pool, waiting.formats),
      minTier: waiting.minTier,
      maxTier: waiting.maxTier,
      waitingSince: since,
    };
  }

  /**
   * Decides for a shape of work, and remembers what the strategy wants remembered. `only`: it goes there or, where that is not
   * usable or has no room, nowhere now.
   */
  choose(
    asked: Omit<Asked, 'cost' | 'costs'> & { shape: Shape },
    poolId: string,
    only?: string,
  ): Choice {
    const { picture, random } = this.#ports;
    const now = this.#ports.now();
    const pool = this.#poolOf(poolId);
    const tiers =
      only === undefined ? pool.tiers : pool.tiers.map((tier) => tier.filter((id) => id === only));
    const candidates = picture.candidates(tiers, now);
    const costs = new Map(candidates.map(({ id }) => [id, picture.cost(id, asked.shape)]));
    const cost = costs.values().next().value ?? { requests: 1, input: 0, output: 0, usd: 0 };
    const choice = choose({ ...asked, cost, costs }, this.#poolNow(pool, candidates), {
      now,
      random,
    });
    if (choice.kind === 'place') {
      this.#memory.set(pool.id, choice.memory);
      const placed = { cost: costs.get(choice.deployment) as Cost, now };
      picture.placed(choice.deployment, choice.jobs, placed);
    }
    return choice;
  }

  #poolNow(pool: Pool, candidates: PoolNow['candidates']): PoolNow {
    return {
      candidates,
      strategy:
        strategyNamed(pool.strategy.name) ?? (strategyNamed('capacity') as PoolNow['strategy']),
      memory: this.#memory.get(pool.id) ?? NO_MEMORY,
      spillAfterMs: pool.spillAfterMs,
      depth: this.#ports.depth,
    };
  }

  #poolOf(id: string): Pool {
    const known = this.#ports.fleet.pools.get(id);
    if (known) return known;
    const only = id.startsWith('deployment/') ? [[id.slice('deployment/'.length)]] : [];
    return {
      id,
      strategy: { name: 'capacity' },
      tiers: only,
      aliases: [],
      on: [],
      spillAfterMs: null,
    };
  }

  /** Deployments whose wire format can say it; null = all. */
  eligible(poolId: string, formats: number): ReadonlySet<string> | null {
    const all = this.#poolOf(poolId).tiers.flat();
    const able = all.filter(
      (id) =>
        (formats & formatBit(this.#ports.fleet.deployments.get(id)?.provider.type ?? '')) !== 0,
    );
    return able.length === all.length ? null : new Set(able);
  }

  /** All deployments of the pool. */
  membersOf(poolId: string): string[] {
    return this.#poolOf(poolId).tiers.flat();
  }

  /** Whether the plan decides where batch lines of the pool go. */
  isPlanned(poolId: string): boolean {
    return isPlanned(this.#poolOf(poolId));
  }

  async #carryOut(
    { waiting, done }: Pending,
    choice: Exclude<Choice, { kind: 'wait' }> | typeof LATE,
  ): Promise<void> {
    let end: PlaceEnd = 'settled';
    try {
      if (choice.kind === 'late') await this.#ports.onLate(waiting);
      // `never`: none of its pool's deployments can run it since the config changed. It waits for its deadline in the ledger.
      else if (choice.kind === 'place') end = await this.#move(waiting, choice);
    } catch (error) {
      this.#ports.onError('placing', error);
    } finally {
      done(end);
    }
  }

  /** `closed`: another leads by now; the entry goes back for it. */
  async #move(waiting: Waiting, choice: Extract<Choice, { kind: 'place' }>): Promise<PlaceEnd> {
    const { ledger, leaderToken, picture } = this.#ports;
    const now = this.#ports.now();
    const moved = await placeEntry(ledger, {
      id: waiting.id,
      epoch: waiting.epoch,
      deployment: choice.deployment,
      tier: choice.tier,
      checkAt: now + CHECK_PLACED_MS,
      leaderToken,
      now,
    });
    // `choose` counted what may travel together; an entry travels whole.
    const jobs = moved.kind === 'moved' ? waiting.jobs - choice.jobs : -choice.jobs;
    if (jobs !== 0) picture.recount(choice.deployment, jobs);
    if (moved.kind === 'moved') await this.#queue(waiting, choice.deployment, moved.epoch);
    else if (moved.kind === 'moved_before') {
      await this.#repeat({
        ...waiting,
        epoch: moved.epoch,
        deployment: moved.deployment,
        status: 'queued',
      });
    }
    return moved.kind === 'not_leader' ? 'closed' : 'settled';
  }

  async #queue(waiting: Waiting, deployment: string, epoch: number): Promise<void> {
    const data = { id: waiting.id, epoch };
    const options = { jobId: entryJobId(data), priority: bandOf(waiting.priority) };
    await this.#ports.queue(deployment).add('run', data, options);
  }
}

const laneName = (pool: string, band: Band): string => `${pool} ${band}`;
export const bandOf = (priority: string): Band => BAND[priority as Priority] ?? 3;
