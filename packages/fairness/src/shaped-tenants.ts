/**
 * Tenants with limits of their own that shape what is sent (shaping.ts): whoever is at one is out of turn until it gives
 * something back. It changes the turns that it is made for.
 */
import type { Tenant } from '@sluice/job';
import { hold, release } from './arrive.ts';
import { UNUSED, afterSending, mayBeSent } from './shaping.ts';
import type { ShapingLimits, ShapingState, ShapingVerdict } from './shaping.ts';
import type { Turns } from './turns.ts';

/** A tenant whose work waits for a limit of its own. */
export interface AtLimit {
  tenant: string;
  limit: keyof ShapingLimits;
  /** What the limit allows. */
  allowed: number;
}

/** At full use of a limit a tenant is out of turn and in again many times a second: it is at its limit while that goes on, ms. */
const LATELY_MS = 2_000;

/** Calls of a tenant that are placed and have not ended. */
type InFlight = (tenant: string) => number;

export class ShapedTenants {
  readonly #turns: Turns;
  readonly #inFlight: InFlight;
  readonly #limits = new Map<string, ShapingLimits>();
  readonly #states: Map<string, ShapingState>;
  /** When each was last at a limit, and at which. */
  readonly #atLimit = new Map<string, { limit: keyof ShapingLimits; at: number }>();
  /** Whether limits are others than at the last look: who had a turn may be at one now. */
  #isNew = true;

  /** `states`: what another's {@link states} said. */
  constructor(turns: Turns, inFlight: InFlight, states: Record<string, ShapingState> = {}) {
    this.#turns = turns;
    this.#inFlight = inFlight;
    this.#states = new Map(Object.entries(states));
  }

  /** By tenant; plain values, ready for JSON. */
  get states(): Record<string, ShapingState> {
    return Object.fromEntries(this.#states);
  }

  /** The tenants and their limits from now on. */
  follow(tenants: readonly Pick<Tenant, 'id' | 'limits'>[], now: number): void {
    this.#limits.clear();
    for (const { id, limits } of tenants) {
      const shaping = shapingOf(limits);
      if (Object.keys(shaping).length > 0) this.#limits.set(id, shaping);
    }
    this.#isNew = true;
    this.#release(now);
  }

  /** null = it has none. */
  limitsOf(tenant: string): ShapingLimits | null {
    return this.#limits.get(tenant) ?? null;
  }

  /**
   * How many jobs of the tenant may be placed now, beside `kept` that have their places among its calls at once: while it has a
   * turn at least 1, or 0 where these take all of them.
   */
  most(tenant: string, now: number, kept = 0): number {
    const verdict = this.#verdict(tenant, now, kept);
    if (verdict === null) return Infinity;
    if (verdict.kind === 'send') return verdict.jobs;
    return kept > 0 && verdict.limit === 'concurrency' ? 0 : 1;
  }

  /** Jobs were placed, or turned out to be of another size (`requests` 0, `tokens` of either sign). */
  sent(tenant: string, { requests, tokens }: { requests: number; tokens: number }, now: number) {
    const limits = this.#limits.get(tenant);
    if (!limits) return;
    const state = this.#states.get(tenant) ?? UNUSED;
    this.#states.set(tenant, afterSending(limits, state, { requests, tokens, now }));
    this.#hold(tenant, now);
  }

  /** Gives those their turn again whose limits have something left; where limits are new, takes it from who is at one. */
  look(now: number): void {
    if (this.#isNew) for (const tenant of this.#limits.keys()) this.#hold(tenant, now);
    this.#isNew = false;
    this.#release(now);
  }

  #hold(tenant: string, now: number): void {
    if (this.#isHeld(tenant, now)) hold(this.#turns, tenant);
  }

  #release(now: number): void {
    for (const tenant of this.#turns.held)
      if (!this.#isHeld(tenant, now)) release(this.#turns, tenant);
  }

  /** Those at a limit of their own now, or a moment ago. */
  atLimit(now: number): AtLimit[] {
    return [...this.#atLimit].flatMap(([tenant, { limit, at }]) => {
      const allowed = this.#limits.get(tenant)?.[limit];
      return allowed === undefined || now - at > LATELY_MS ? [] : [{ tenant, limit, allowed }];
    });
  }

  #isHeld(tenant: string, now: number): boolean {
    const verdict = this.#verdict(tenant, now);
    if (verdict?.kind !== 'wait') return false;
    this.#atLimit.set(tenant, { limit: verdict.limit, at: now });
    return true;
  }

  /** When the first of those that are out of turn for a rate has its turn again; Infinity = nobody is. */
  soonestAt(now: number): number {
    const verdicts = [...this.#turns.held].map((tenant) => this.#verdict(tenant, now));
    const moments = verdicts.map((verdict) =>
      verdict?.kind === 'wait' ? (verdict.untilAt ?? Infinity) : now,
    );
    return Math.min(Infinity, ...moments);
  }

  #verdict(tenant: string, now: number, kept = 0): ShapingVerdict | null {
    const limits = this.#limits.get(tenant);
    if (!limits) return null;
    const inFlight = this.#inFlight(tenant) + kept;
    return mayBeSent(limits, this.#states.get(tenant) ?? UNUSED, { inFlight, now });
  }
}

function shapingOf({ rpm, tpm, concurrency }: Tenant['limits']): ShapingLimits {
  return {
    ...(rpm !== undefined && { rpm }),
    ...(tpm !== undefined && { tpm }),
    ...(concurrency !== undefined && { concurrency }),
  };
}
