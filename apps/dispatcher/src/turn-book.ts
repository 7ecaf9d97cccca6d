/**
 * Whose turn it is, as the leader keeps it: the turns of packages/fairness over single jobs and the lines of batches, what
 * work costs its tenant, and the limits that make a tenant's jobs wait. What tenants have had survives the leader.
 */
import {
  admitted,
  arrive,
  costMs,
  createTurns,
  leave,
  nextTurn,
  setUrgent,
  settled,
  setWeight,
  ShapedTenants,
  standingOf,
} from '@sluice/fairness';
import type {
  AtLimit,
  Item,
  Limit,
  Room,
  ShapingLimits,
  ShapingState,
  Standing,
  Turn,
  Turns,
} from '@sluice/fairness';
import { membersOf } from '@sluice/job';
import type { Fleet, Priority, Tenant, Usage } from '@sluice/job';

export interface TurnBookPorts {
  fleet: Fleet;
  tenants: readonly Tenant[];
  /** Lines of the tenant's batches that are placed and not recorded. */
  linesOut: (tenant: string) => number;
  /** Others that were placed, and wait for another place: they keep theirs among its calls at once. */
  linesWaiting: (tenant: string) => number;
  now: () => number;
}

/** What a turn placed: so many jobs of this expected cost each, in a pool. */
export interface Used {
  pool: string;
  jobs: number;
  cost: { input: number; output: number };
  /** Expected duration of a call, ms; 0 where not known. */
  callMs: number;
  /** Single jobs: by which id its end will be told. Null = its batch settles it. */
  id: string | null;
}

interface Charged {
  tenant: string;
  band: Priority;
  pool: string;
  input: number;
  output: number;
  callMs: number;
  /** When it was placed, ms. */
  at: number;
}

const NOTHING_USED: Usage = {
  input_tokens: 0,
  cached_tokens: 0,
  output_tokens: 0,
  reasoning_tokens: 0,
};

/** What survives. */
interface Saved {
  standing: Standing;
  shaping: Record<string, ShapingState>;
  /** Jobs under way of tenants that may have only so many. */
  out?: [id: string, charged: Charged][];
}

/** Limits that are priced; those per day say nothing of what work costs now. */
const PRICED = ['rpm', 'tpm', 'itpm', 'otpm', 'concurrency'] as const;
/** Jobs whose ends are waited for: one that another process recorded is forgotten when so many came after it. */
const MOST_CHARGED = 20_000;

export class TurnBook {
  readonly #ports: TurnBookPorts;
  readonly #turns: Turns;
  readonly #prices = new Map<string, Limit[]>();
  readonly #charged = new Map<string, Charged>();
  readonly #shaped: ShapedTenants;
  readonly #inFlight = new Map<string, number>();

  /** `saved`: what {@link save} gave, of the leader before; '' = nothing. */
  constructor(ports: TurnBookPorts, saved = '') {
    this.#ports = ports;
    const before = saved === '' ? null : (JSON.parse(saved) as Saved);
    this.#turns = createTurns(undefined, before?.standing);
    const inFlight = (tenant: string): number =>
      (this.#inFlight.get(tenant) ?? 0) + ports.linesOut(tenant);
    this.#shaped = new ShapedTenants(this.#turns, inFlight, before?.shaping);
    for (const [id, charged] of before?.out ?? []) this.#isOut(id, charged);
    this.follow(ports.tenants);
  }

  /** The tenants, or the limits of the fleet, are others from now on. */
  follow(tenants: readonly Tenant[]): void {
    this.#prices.clear();
    for (const { id, weight } of tenants) setWeight(this.#turns, id, weight);
    this.#shaped.follow(tenants, this.#ports.now());
  }

  /** For Redis. */
  save(): string {
    const saved: Saved = {
      standing: standingOf(this.#turns),
      shaping: this.#shaped.states,
      out: [...this.#charged].filter(([, charged]) => this.#isLimited(charged)),
    };
    return JSON.stringify(saved);
  }

  /** The limits that make a tenant's jobs wait; null = none. */
  shapingOf(tenant: string): ShapingLimits | null {
    return this.#shaped.limitsOf(tenant);
  }

  /** Tenants whose work waits for a limit of their own. */
  get atLimit(): AtLimit[] {
    return this.#shaped.atLimit(this.#ports.now());
  }

  /** Has it saved, if anything has changed since it was saved last. */
  async keep(save: (text: string) => Promise<unknown>): Promise<void> {
    const text = this.save();
    if (text === this.#kept) return;
    await save(text);
    this.#kept = text;
  }
  #kept = '';

  /** What comes again was handed back, or failed where another process recorded it: its call is out no longer. */
  arrive(item: Item): void {
    this.ended(item.id, NOTHING_USED);
    arrive(this.#turns, item);
  }

  leave(id: string): void {
    leave(this.#turns, id);
  }

  setUrgent(id: string, urgent: boolean): void {
    setUrgent(this.#turns, id, urgent);
  }

  /** How many jobs of the tenant may be placed now that were not before: 0 where those that were take all of its calls. */
  most(tenant: string): number {
    const { linesWaiting, now } = this.#ports;
    return this.#shaped.most(tenant, now(), linesWaiting(tenant));
  }

  /** The next item for which `roomFor` finds room, and what it found. Tenants at a limit of their own have no turn. */
  next<Found extends object>(
    roomFor: (turn: Turn) => Found | Exclude<Room, 'yes'>,
  ): [Turn, Found] | null {
    const found: Found[] = [];
    const turn = nextTurn(this.#turns, (one) => {
      const room = roomFor(one);
      if (typeof room === 'string') return room;
      found.push(room);
      return 'yes';
    });
    const [first] = found;
    return turn && first ? [turn, first] : null;
  }

  /** Looks after tenants that wait for a limit of their own. */
  release(): void {
    this.#shaped.look(this.#ports.now());
  }

  /** A turn was used; `finished`: nothing of its item waits any longer. `used` null: it placed nothing. */
  used({ item, band, tenant, overdue }: Turn, used: Used | null, finished: boolean): void {
    const ms = used === null ? 0 : used.jobs * this.#costMs(used.pool, used.cost, used.callMs);
    admitted(this.#turns, { item, band, tenant, overdue }, { costMs: ms, finished });
    if (used === null) return;
    const { pool, jobs, callMs, id } = used;
    const { input, output } = used.cost;
    if (id !== null) {
      const at = this.#ports.now();
      this.#isOut(id, { tenant, band, pool, input, output, callMs, at });
    }
    this.#shaped.sent(
      tenant,
      { requests: jobs, tokens: jobs * (input + output) },
      this.#ports.now(),
    );
    if (this.#charged.size > MOST_CHARGED) this.ended(this.#oldest(), null);
  }

  /** Whether its tenant may have only so many calls at once, so that one more or less matters. */
  #isLimited({ tenant }: Charged): boolean {
    return this.shapingOf(tenant)?.concurrency !== undefined;
  }

  /** Of those that matter least. */
  #oldest(): string {
    let first = '';
    for (const [id, charged] of this.#charged) {
      if (!this.#isLimited(charged)) return id;
      first ||= id;
    }
    return first;
  }

  #isOut(id: string, charged: Charged): void {
    const { tenant } = charged;
    this.#charged.set(id, charged);
    this.#inFlight.set(tenant, (this.#inFlight.get(tenant) ?? 0) + 1);
  }

  /** A single job's call has ended. `usage` null: nobody knows what it used. */
  ended(id: string, usage: Usage | null): void {
    const charged = this.#charged.get(id);
    if (!charged) return;
    this.#charged.delete(id);
    this.#inFlight.set(charged.tenant, Math.max(0, (this.#inFlight.get(charged.tenant) ?? 0) - 1));
    if (usage === null) return;
    const { pool, tenant, band, callMs } = charged;
    const output = this.#charges(pool) ? usage.output_tokens : charged.output;
    const real = this.#costMs(pool, { input: usage.input_tokens, output }, callMs);
    settled(this.#turns, { tenant, band }, real - this.#costMs(pool, charged, callMs));
    const tokens = usage.input_tokens + output - charged.input - charged.output;
    this.#shaped.sent(tenant, { requests: 0, tokens }, this.#ports.now());
  }

  /**
   * Jobs placed before that moment whose end was not told: another process recorded it, or nobody will. Oldest first, and only of
   * tenants that may have only so many at once: of others nothing waits for it.
   */
  unheardOf(before: number, most: number): string[] {
    const ids: string[] = [];
    for (const [id, charged] of this.#charged) {
      if (charged.at >= before || ids.length === most) break;
      if (this.#isLimited(charged)) ids.push(id);
    }
    return ids;
  }

  /** Its end is still to come: it is asked about after the others. */
  stillOut(id: string): void {
    const charged = this.#charged.get(id);
    if (!charged) return;
    this.#charged.delete(id);
    this.#charged.set(id, { ...charged, at: this.#ports.now() });
  }

  /** Lines of a tenant's batch were recorded: they used so much more (less, when negative) than was expected of them. */
  settle(
    { tenant, band }: Pick<Turn, 'tenant' | 'band'>,
    lines: { pool: string; input: number; output: number },
  ): void {
    const { pool, input } = lines;
    const output = this.#charges(pool) ? lines.output : 0;
    const sign = input + output < 0 ? -1 : 1;
    const ms = costMs(
      {
        requests: 0,
        input: Math.max(0, sign * input),
        output: Math.max(0, sign * output),
        callMs: 0,
      },
      this.#limitsOf(pool),
    );
    if (ms > 0) settled(this.#turns, { tenant, band }, sign * ms);
    this.#shaped.sent(tenant, { requests: 0, tokens: input + output }, this.#ports.now());
  }

  #costMs(pool: string, cost: { input: number; output: number }, callMs: number): number {
    return costMs({ requests: 1, ...cost, callMs }, this.#limitsOf(pool));
  }

  /** Whether the pool's providers charge what was produced, so that the real length of an answer counts. */
  #charges(pool: string): boolean {
    const { fleet } = this.#ports;
    return this.#membersOf(pool).some((id) => fleet.budgets.get(id)?.outputCharge !== 'max_tokens');
  }

  #membersOf(pool: string): string[] {
    // Of a pool that is gone nobody knows how it is charged: as if its answers' real length counted.
    return membersOf(this.#ports.fleet, pool) ?? [pool];
  }

  /** The limits of a pool's deployments by dimension, added up; a budget that several share counts once. */
  #limitsOf(pool: string): Limit[] {
    const known = this.#prices.get(pool);
    if (known) return known;
    const { deployments, budgets } = this.#ports.fleet;
    const members = this.#membersOf(pool);
    const drawn = new Set(members.flatMap((id) => deployments.get(id)?.budgets ?? []));
    const limits = PRICED.flatMap((dimension): Limit[] => {
      const all = [...drawn].map((id) => budgets.get(id)?.limits[dimension] ?? 0);
      const sum = all.reduce((total, limit) => total + limit, 0);
      const perMs = dimension === 'concurrency' ? sum : sum / 60_000;
      return sum > 0 ? [{ dimension, perMs }] : [];
    });
    this.#prices.set(pool, limits);
    return limits;
  }
}
