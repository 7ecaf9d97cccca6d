/**
 * Whose turn is it? What waits, and how much each tenant has had: the state behind {@link nextTurn}.
 *
 * Order: band, then tenant, then item. Bands go strictly one before the other, but a queue that was passed over for a
 * while has one turn between (its head start, see `patienceMs`). Within a band the tenant goes first that has had the
 * least work for its weight, within the tenant the item with the earliest deadline, and among equals the oldest; what was placed before
 * goes before both.
 *
 * Each tenant's work is counted per band (virtual token counters, Sheng et al., OSDI 2024), so that a tenant's batches
 * never hold up its interactive jobs. All times are ms of work: what a job takes of its scarcest limit (see price.ts).
 */
import { PRIORITIES } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { NOWHERE, emptyHeap } from './heap.ts';
import type { Heap, Placed } from './heap.ts';

export interface TurnSettings {
  /**
   * How much work others may be given while a queue of this band waits, until one of its items goes before them, ms.
   * So under unending work from above, a queue has at least one item in every so many ms of work.
   */
  patienceMs: Record<Exclude<Priority, 'interactive'>, number>;
  /** How much work a tenant may be behind others of its band because there was no room for it, and still make up, ms. */
  mostLagMs: number;
  /** How far a tenant with an urgent item may get ahead of its fair share, ms. */
  urgentLeadMs: number;
}

export const TURN_SETTINGS: TurnSettings = {
  patienceMs: { normal: 10_000, low: 20_000 },
  mostLagMs: 60_000,
  urgentLeadMs: 30_000,
};

/** Waits for its turn: a job, or a batch (or the part of one in a lane), which has many turns until it is used up. */
export interface Item {
  id: string;
  tenant: string;
  band: Priority;
  /** What waits in one lane finds room together or not at all: a pool, its wire formats, its tiers. */
  lane: string;
  /** Unix ms. */
  deadlineAt: number;
  /** It will miss its deadline at its fair share: goes first in its tenant, and its tenant may get ahead of its share. */
  urgent?: boolean;
  /**
   * It was placed before, and failed or was taken back: goes first in its tenant, for a batch ends with its last line. Else the
   * lines that its batch has not begun, of the same deadline and older here, would all go before it.
   */
  again?: boolean;
}

/** What each tenant has had, per band: all that must survive a restart. */
export interface Standing {
  bands: Record<Priority, { virtualMs: number; tenants: Record<string, number> }>;
}

/** An item in the order of its arrival. */
export interface Waiting extends Item, Placed {
  sequence: number;
}

/** What one tenant has in a lane of a band. */
export interface Flow extends Placed {
  account: Account;
  lane: string;
  items: Heap<Waiting>;
}

/** A tenant in a band. */
export interface Account extends Placed {
  tenant: string;
  band: Priority;
  /** Work had, divided by weight. */
  virtualMs: number;
  /** Number of its last turn: of equals the one goes first that has waited longer. */
  lastTurn: number;
  flows: Map<string, Flow>;
  /** How many of its items are urgent. */
  urgent: number;
}

/** All flows of a lane in a band that may have turns now. */
export interface Queue {
  band: Priority;
  lane: string;
  flows: Heap<Flow>;
  /** `servedMs` at its last turn, or when it was last empty. */
  sinceMs: number;
}

interface BandState {
  /** Where the work stands: the furthest that anyone served had got to before. */
  virtualMs: number;
  accounts: Map<string, Account>;
  /** Accounts with something waiting that are not held. */
  active: Heap<Account>;
  queues: Map<string, Queue>;
}

/** Changed in place by the functions of this package and by nobody else. */
export interface Turns {
  readonly settings: TurnSettings;
  readonly bands: Record<Priority, BandState>;
  readonly items: Map<string, Waiting>;
  readonly weights: Map<string, number>;
  /** Tenants that are out of turn until released: at a limit of their own. */
  readonly held: Set<string>;
  /** All work admitted since the start. */
  servedMs: number;
  sequence: number;
}

/** A tenant of weight 0 has what others leave: one part in thousands. */
const LEAST_WEIGHT = 0.001;

/** What a tenant's weight counts as. */
export const effectiveWeight = (weight: number): number => Math.max(LEAST_WEIGHT, weight);

/** Nothing waits; with `standing`, tenants begin where they stood. */
export function createTurns(settings: TurnSettings = TURN_SETTINGS, standing?: Standing): Turns {
  const bandOf = (band: Priority): BandState => ({
    virtualMs: standing?.bands[band].virtualMs ?? 0,
    accounts: new Map(
      Object.entries(standing?.bands[band].tenants ?? {}).map(([tenant, virtualMs]) => [
        tenant,
        newAccount(tenant, band, virtualMs),
      ]),
    ),
    active: emptyHeap(leastServed),
    queues: new Map(),
  });
  return {
    settings,
    bands: { interactive: bandOf('interactive'), normal: bandOf('normal'), low: bandOf('low') },
    items: new Map(),
    weights: new Map(),
    held: new Set(),
    servedMs: 0,
    sequence: 0,
  };
}

/** A plain value, ready for JSON. Tenants whose counter says nothing any more are left out. */
export function standingOf({ bands }: Turns): Standing {
  const entries = PRIORITIES.map((band) => {
    const { virtualMs, accounts } = bands[band];
    const telling = [...accounts.values()].filter(
      (account) => account.virtualMs > virtualMs || account.flows.size > 0,
    );
    const tenants = Object.fromEntries(telling.map((one) => [one.tenant, one.virtualMs]));
    return [band, { virtualMs, tenants }] as const;
  });
  return { bands: Object.fromEntries(entries) as Standing['bands'] };
}

/** From now on; 1 where none was set. */
export function setWeight(turns: Turns, tenant: string, weight: number): void {
  turns.weights.set(tenant, effectiveWeight(weight));
}

export const weightOf = ({ weights }: Turns, tenant: string): number => weights.get(tenant) ?? 1;

export function accountOf({ bands }: Turns, tenant: string, band: Priority): Account {
  const { accounts } = bands[band];
  const known = accounts.get(tenant);
  if (known) return known;
  const account = newAccount(tenant, band, 0);
  accounts.set(tenant, account);
  return account;
}

const newAccount = (tenant: string, band: Priority, virtualMs: number): Account => ({
  tenant,
  band,
  virtualMs,
  lastTurn: 0,
  flows: new Map(),
  urgent: 0,
  place: NOWHERE,
});

const leastServed = (a: Account, b: Account): boolean => {
  if (a.virtualMs !== b.virtualMs) return a.virtualMs < b.virtualMs;
  if (a.lastTurn !== b.lastTurn) return a.lastTurn < b.lastTurn;
  return a.tenant < b.tenant;
};
