/**
 * Budgets correct themselves, played in virtual time: the arithmetic of packages/budget against the simulator's
 * windows, with a worker that never runs out of work.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  HORIZON_MS,
  book,
  correctionsOf,
  fullState,
  observe,
  refuse,
  rulesOf,
  settle,
} from '@sluice/budget';
import type { AdmissionState, BudgetRules, Cost } from '@sluice/budget';
import type { Limits } from '@sluice/job';
import { seededRandom } from '@sluice/testing';
import { WINDOW_KINDS, createRateWindow } from '@sluice/windows';
import type { RateWindow, WindowKind } from '@sluice/windows';

const MINUTE_MS = 60_000;
const RPM = 600;
const COST: Cost = { requests: 1, input: 10, output: 10, usd: 0 };

interface Provider {
  kind: WindowKind;
  rpm: number;
  /** How long an answer takes; a 429 comes at once. */
  latencyMs: number;
  headers?: boolean;
  retryAfter?: boolean;
  /** Calls per minute that somebody else makes with the same key. */
  others?: number;
}

interface Minute {
  answered: number;
  refused: number;
}

type Event = { at: number } & (
  | { kind: 'ask' }
  | { kind: 'start'; lease: string }
  | { kind: 'answer' | 'refusal'; lease: string; startedAt: number; waitMs: number; left: number }
  | { kind: 'other' }
);

const ROUND_TRIP_MS = 5;
const LEASE_MS = 10_000;
const CHUNK = 32;

/** One worker against one provider. */
class Play {
  readonly minutes: Minute[] = [];
  readonly #provider: Provider;
  readonly #window: RateWindow;
  readonly #rules: BudgetRules[];
  readonly #random = seededRandom(7);
  #state: AdmissionState = fullState();
  #events: Event[] = [];
  #named = 0;
  #askAt = Number.POSITIVE_INFINITY;
  readonly #began = 1_700_000_013_000;
  #now = this.#began;

  constructor(provider: Provider, limits: Limits) {
    this.#provider = provider;
    const { kind, rpm: perMinute } = provider;
    this.#window = createRateWindow(kind, {
      perMinute,
      initialFill: 1,
      now: this.#began,
      epochMs: 0,
    });
    this.#rules = [rulesOf({ id: 'a', limits, outputCharge: 'actual', root: 'a' })];
  }

  run(minutes: number): this {
    this.#ask(this.#now);
    if (this.#provider.others) this.#add({ at: this.#now, kind: 'other' });
    const end = this.#began + minutes * MINUTE_MS;
    for (;;) {
      const event = this.#next();
      if (event.at >= end) return this;
      this.#now = event.at;
      this.#play(event);
    }
  }

  get #minute(): Minute {
    const index = Math.floor((this.#now - this.#began) / MINUTE_MS);
    return (this.minutes[index] ??= { answered: 0, refused: 0 });
  }

  #next(): Event {
    let first = 0;
    for (let i = 1; i < this.#events.length; i += 1)
      if ((this.#events[i] as Event).at < (this.#events[first] as Event).at) first = i;
    return this.#events.splice(first, 1)[0] as Event;
  }

  #add(event: Event): void {
    this.#events.push(event);
  }

  #ask(at: number): void {
    if (at >= this.#askAt && this.#askAt > this.#now) return;
    this.#askAt = at;
    this.#events = this.#events.filter(({ kind }) => kind !== 'ask');
    this.#add({ at, kind: 'ask' });
  }

  #play(event: Event): void {
    switch (event.kind) {
      case 'ask':
        return this.#book();
      case 'start':
        return this.#start(event.lease);
      case 'answer':
        return this.#answered(event);
      case 'refusal':
        return this.#refused(event);
      case 'other':
        if (this.#window.waitMs(1, this.#now) === 0) this.#window.take(1, this.#now);
        this.#add({ at: this.#now + MINUTE_MS / (this.#provider.others as number), kind: 'other' });
    }
  }

  #book(): void {
    const leases = Array.from({ length: CHUNK }, () => `l${(this.#named += 1)}`);
    const costs = leases.map(() => COST);
    const asked = { rules: this.#rules, costs, band: 'batch' as const, leases, leaseMs: LEASE_MS };
    const { state, decision } = book(this.#state, asked, this.#now);
    this.#state = state;
    for (const [i, at] of decision.starts.entries())
      this.#add({ at, kind: 'start', lease: leases[i] as string });
    this.#askAt = Number.POSITIVE_INFINITY;
    const wait = decision.waitMs;
    this.#ask(this.#now + (wait === null ? 1 : Math.max(1, Math.min(250, wait - HORIZON_MS / 2))));
  }

  #start(lease: string): void {
    const { latencyMs } = this.#provider;
    const waitMs = this.#window.waitMs(1, this.#now);
    if (waitMs === 0) this.#window.take(1, this.#now);
    const left = Math.max(0, Math.floor(this.#window.remaining(this.#now)));
    const kind = waitMs === 0 ? 'answer' : 'refusal';
    const at = this.#now + ROUND_TRIP_MS + (waitMs === 0 ? latencyMs : 0);
    this.#add({ at, kind, lease, startedAt: this.#now, waitMs, left });
  }

  #answered({ lease, startedAt, left }: Extract<Event, { kind: 'answer' | 'refusal' }>): void {
    this.#minute.answered += 1;
    this.#headers(left);
    this.#settle([lease], 1, this.#now - startedAt);
    this.#ask(this.#now);
  }

  #refused(event: Extract<Event, { kind: 'answer' | 'refusal' }>): void {
    this.#minute.refused += 1;
    this.#headers(event.left);
    const tookMs = this.#now - event.startedAt;
    const retryAfterMs = this.#provider.retryAfter ? event.waitMs : null;
    const refusal = {
      rules: this.#rules,
      cost: COST,
      limit: null,
      retryAfterMs,
      tookMs,
      leaseMs: LEASE_MS,
    };
    this.#state = refuse(this.#state, refusal, { now: this.#now, random: this.#random() });
    this.#settle([event.lease], 0, tookMs);
    // What was booked for later is given back, as the worker's gate does.
    const later = this.#events.filter((one) => one.kind === 'start');
    this.#events = this.#events.filter((one) => one.kind !== 'start');
    this.#settle(
      later.map((one) => (one.kind === 'start' ? one.lease : '')),
      0,
      0,
    );
    this.#ask(this.#now);
  }

  #headers(remaining: number): void {
    if (!this.#provider.headers) return;
    const report = { dimension: 'rpm' as const, limit: this.#provider.rpm, remaining };
    this.#state = observe(this.#state, { rules: this.#rules, ...report }, this.#now);
  }

  #settle(leases: string[], answers: number, tookMs: number): void {
    const corrections = this.#rules.map((rules) => correctionsOf(rules, []));
    const answered = { calls: 0, tokens: 0, ms: 0 };
    const took = { longestMs: tookMs, answers, quickestMs: tookMs, answered };
    this.#state = settle(
      this.#state,
      { rules: this.#rules, corrections, leases, ...took },
      this.#now,
    );
  }
}

/** Of some minutes: answered ÷ limit, and 429s ÷ calls. */
function figures(play: Play, { from, to }: { from: number; to: number }) {
  const span = Array.from(
    { length: to - from },
    (_, i) => play.minutes[from + i] ?? { answered: 0, refused: 0 },
  );
  const answered = span.reduce((sum, one) => sum + one.answered, 0);
  const refused = span.reduce((sum, one) => sum + one.refused, 0);
  return {
    used: answered / (RPM * span.length),
    refused: refused / (answered + refused),
    count: refused,
  };
}

describe('a limit configured 20 % too high', () => {
  for (const kind of WINDOW_KINDS) {
    for (const retryAfter of [true, false]) {
      const name = `${kind}, ${retryAfter ? 'saying' : 'not saying'} when to come back`;
      test(`${name}: after five minutes at least 90 % used, at most 2 % 429s`, () => {
        for (const latencyMs of [80, 4_000]) {
          const provider = { kind, rpm: RPM, latencyMs, retryAfter };
          const play = new Play(provider, { rpm: 1.2 * RPM }).run(15);
          const { used, refused } = figures(play, { from: 5, to: 15 });
          assert.ok(used >= 0.9, `${latencyMs} ms: used ${used}`);
          assert.ok(refused <= 0.02, `${latencyMs} ms: ${refused} refused`);
        }
      });
    }
  }
});

describe('no limit configured', () => {
  for (const kind of WINDOW_KINDS) {
    test(`${kind}, with headers: no 429, 95 % used`, () => {
      const provider = { kind, rpm: RPM, latencyMs: 80, headers: true };
      const { used, count } = figures(new Play(provider, {}).run(5), { from: 0, to: 5 });
      assert.equal(count, 0);
      assert.ok(used > 0.94 && used < 0.96, `used ${used}`);
    });

    test(`${kind}, without headers: learnt from 429s, at most 2 % of them after five minutes`, () => {
      for (const retryAfter of [true, false]) {
        const provider = { kind, rpm: RPM, latencyMs: 80, retryAfter };
        const play = new Play(provider, {}).run(15);
        const { used, refused } = figures(play, { from: 5, to: 15 });
        assert.ok(used >= 0.89, `used ${used}`);
        assert.ok(refused <= 0.02, `${refused} refused`);
      }
    });

    test(`${kind}: somebody else takes half of the same key, and what is left is believed`, () => {
      const provider = { kind, rpm: RPM, latencyMs: 80, headers: true, others: RPM / 2 };
      const play = new Play(provider, { rpm: RPM }).run(10);
      const { refused } = figures(play, { from: 0, to: 10 });
      assert.ok(refused <= 0.02, `${refused} refused`);
    });
  }
});
