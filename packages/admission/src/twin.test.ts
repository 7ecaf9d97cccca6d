/** The scripts do what packages/budget says: random histories, played to both, give the same answers and state. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  NOTHING_LEARNT,
  NO_CALLS,
  PACED_DIMENSIONS,
  RENEWAL_MS,
  WINDOWED_DIMENSIONS,
  afterRestart,
  answeredOf,
  book,
  budgetIn,
  charsPerToken,
  correctionsOf,
  countEnded,
  countSince,
  fullState,
  meanOutput,
  observe,
  refundsOf,
  refuse,
  renew,
  rulesOf,
  settle,
  tally,
} from '@sluice/budget';
import type { AdmissionState, BudgetRules, Cost, Counters, Since } from '@sluice/budget';
import type { Fleet } from '@sluice/job';
import { startRedis } from '@sluice/testing';
import type { TestRedis } from '@sluice/testing';
import * as fc from 'fast-check';
import { Redis } from 'ioredis';
import { Admission } from './admission.ts';
import type { Settled } from './admission.ts';
import { parseBins, parseLearnt, parseProduced, parseSlots } from './budget-load.ts';
import { defineScripts } from './scripts.ts';
import { makeFleet } from './test-fleet.ts';
import { history } from './test-history.ts';
import type { Id, Step } from './test-history.ts';

const manyLimits = makeFleet({
  deployments: {
    a: { limits: { rpm: 700, concurrency: 9, rpd: 30, usd_per_day: 3 }, org: true },
    b: { limits: { itpm: 90_000, otpm: 30_000, usd_per_month: 7 }, org: true },
    c: { limits: {} },
  },
  org: { rpm: 1_100, tpm: 150_000, tpd: 40_000, concurrency: 12 },
  orgCharge: 'max_tokens',
});
/** Limits that calls under way keep: at usual lengths a handful each. */
const produced = makeFleet({
  deployments: {
    a: { limits: { otpm: 6_000 }, org: true },
    b: { limits: { rpm: 90 }, org: true },
    c: { limits: { otpm: 20_000, tpm: 600_000, concurrency: 9 } },
  },
  org: { otpm: 9_000 },
});
const LEASE_MS = 30_000;
const HOUR_MS = 3_600_000;
const UNMARKED: Since = { at: 0, ended: {} };
const ONE: Cost = { requests: 1, input: 3, output: 4, usd: 0 };

interface Held {
  id: Id;
  lease: string;
  cost: Cost;
}

/** One history, told to Redis and to the specification. */
class Twins {
  readonly #redis: Redis;
  readonly #prefix: string;
  readonly #admission: Admission;
  readonly #rules: Record<Id, BudgetRules[]>;
  #state: AdmissionState = fullState();
  #counters: Record<Id, Counters> = { a: NO_CALLS, b: NO_CALLS, c: NO_CALLS };
  #micros = 1_700_000_000_123_456;
  #held: Held[] = [];
  #booked: Record<Id, number> = { a: 0, b: 0, c: 0 };
  #since: Record<Id, Since> = { a: UNMARKED, b: UNMARKED, c: UNMARKED };
  #named = 0;
  #random = 0;

  constructor(redis: Redis, prefix: string, fleet: Fleet) {
    this.#redis = redis;
    this.#prefix = prefix;
    this.#admission = new Admission({
      redis,
      prefix,
      fleet,
      micros: () => this.#micros,
      random: () => this.#random,
    });
    const rules = (id: Id): BudgetRules[] =>
      (fleet.deployments.get(id)?.budgets ?? []).map((budget) =>
        rulesOf(fleet.budgets.get(budget) as never),
      );
    this.#rules = { a: rules('a'), b: rules('b'), c: rules('c') };
  }

  async play(step: Step): Promise<void> {
    this.#micros += Math.round(step.after * 1_000);
    switch (step.kind) {
      case 'book':
        return this.#book(step);
      case 'settle':
        return this.#settle(step);
      case 'release':
        return this.#release(step);
      case 'renew':
        return this.#renew(step);
      case 'refuse':
        for (let i = 0; i < step.times; i++) await this.#refuse(step);
        return;
      case 'observe':
        return this.#observe(step);
      case 'mark':
        return this.#mark(step.id);
      case 'restart':
        return this.#restart();
      case 'hour':
        this.#micros =
          (Math.ceil((this.#now + step.before) / HOUR_MS) * HOUR_MS - step.before) * 1_000;
    }
  }

  async #book({ id, band, costs }: Extract<Step, { kind: 'book' }>): Promise<void> {
    const leases = costs.map(() => `lease-${(this.#named += 1)}`);
    const asked = { costs, band, leases, leaseMs: LEASE_MS, passOverMs: RENEWAL_MS };
    const reply = await this.#admission.book(id, asked);
    assert.equal(reply.atMs, this.#now);
    const { state, decision } = book(this.#state, { rules: this.#rules[id], ...asked }, this.#now);
    const { passedOver, starts, waitMs, binding, ahead } = decision;
    assert.deepEqual(
      {
        passedOver: reply.passedOver,
        delays: reply.delaysMs,
        waitMs: reply.waitMs,
        binding: reply.binding,
        ahead: reply.ahead,
      },
      {
        passedOver,
        delays: starts.map((start) => Math.ceil((start - this.#now) * 1000) / 1000),
        waitMs: waitMs === null ? null : Math.ceil(waitMs * 1000) / 1000,
        binding,
        ahead,
      },
    );
    this.#state = state;
    this.#booked[id] += starts.length;
    const asking = [...costs.keys()].filter((i) => !passedOver.includes(i));
    for (const i of asking.slice(0, starts.length)) {
      this.#held.push({ id, lease: leases[i] as string, cost: costs[i] as Cost });
    }
  }

  async #settle(step: Extract<Step, { kind: 'settle' }>): Promise<void> {
    const { id, outcome, factor, known, took } = step;
    const items = this.#take(id, step.n).map(({ lease, cost }, i): Settled => {
      const actual = {
        ...cost,
        input: cost.input * factor,
        output: cost.output / 2,
        usd: factor / 9,
      };
      const usage = {
        input_tokens: i * 90_000,
        cached_tokens: 0,
        output_tokens: 7,
        reasoning_tokens: 0,
      };
      const ending = {
        outcome,
        tookMs: took + i,
        heldMs: took + i + 40,
        characters: 400 * i,
        usage: known ? usage : null,
      };
      return { lease, expected: cost, actual: known ? actual : null, ...ending };
    });
    await this.#admission.settle(id, items);
    const rules = this.#rules[id];
    const request = {
      rules,
      corrections: rules.map((rule) => correctionsOf(rule, items)),
      leases: items.map(({ lease }) => lease),
      longestMs: Math.max(0, ...items.map(({ tookMs }) => tookMs)),
      answers: outcome === 'ok' ? items.length : 0,
      quickestMs: took,
      answered: answeredOf(items),
    };
    this.#state = settle(this.#state, request, this.#now);
    const ended = items.map((item) => ({ ...item, costUsd: item.actual?.usd ?? 0 }));
    this.#counters[id] = countEnded(this.#counters[id], tally(ended));
    this.#since[id] = countSince(this.#since[id], items, this.#now);
  }

  async #mark(id: Id): Promise<void> {
    await this.#admission.mark(id);
    this.#since[id] = { at: this.#now, ended: {} };
  }

  async #release({ id, n }: Extract<Step, { kind: 'release' }>): Promise<void> {
    const given = this.#take(id, n);
    const leases = given.map(({ lease }) => lease);
    const costs = given.map(({ cost }) => cost);
    await this.#admission.release(id, leases, costs);
    const rules = this.#rules[id];
    const corrections = rules.map((rule) => refundsOf(rule, costs));
    const unmade = { longestMs: 0, answers: 0, quickestMs: 0, answered: answeredOf([]) };
    this.#state = settle(this.#state, { rules, corrections, leases, ...unmade }, this.#now);
    this.#booked[id] -= given.length;
  }

  async #renew({ id, n }: Extract<Step, { kind: 'renew' }>): Promise<void> {
    const leases = this.#held
      .filter((held) => held.id === id)
      .slice(0, n)
      .map(({ lease }) => lease);
    const lost = await this.#admission.renew(id, leases, LEASE_MS);
    const request = { rules: this.#rules[id], leases, leaseMs: LEASE_MS };
    const twin = renew(this.#state, request, this.#now);
    assert.deepEqual(lost, twin.lost);
    this.#state = twin.state;
    if (n % 2 === 0) await this.#free(id, lost);
  }

  /** As if their calls had ended meanwhile. */
  async #free(id: Id, leases: string[]): Promise<void> {
    await this.#admission.free(id, leases);
    const rules = this.#rules[id];
    const none = { longestMs: 0, answers: 0, quickestMs: 0, answered: answeredOf([]) };
    const corrections = rules.map((rule) => refundsOf(rule, []));
    this.#state = settle(this.#state, { rules, corrections, leases, ...none }, this.#now);
  }

  async #refuse(step: Extract<Step, { kind: 'refuse' }>): Promise<void> {
    const { id, limit, retryAfterMs, tookMs, random } = step;
    const cost = this.#held.find((held) => held.id === id)?.cost ?? ONE;
    this.#random = random;
    const told = { limit, retryAfterMs, tookMs, leaseMs: LEASE_MS };
    await this.#admission.refused(id, { expected: cost, ...told });
    const refusal = { rules: this.#rules[id], cost, ...told };
    this.#state = refuse(this.#state, refusal, { now: this.#now, random });
  }

  /** Every limit is news, so that Redis is told each time. */
  async #observe({ id, dimension, remaining }: Extract<Step, { kind: 'observe' }>): Promise<void> {
    const limit = 600 + (this.#named += 1);
    const told = remaining > 300 ? null : remaining;
    await this.#admission.observe(id, [{ dimension, limit, remaining: told, resetMs: null }]);
    const report = { rules: this.#rules[id], dimension, limit, remaining: told };
    this.#state = observe(this.#state, report, this.#now);
  }

  /** The server's run id is not the stored one any more; what it stored is all there. Calls end just then. */
  async #restart(): Promise<void> {
    const rates = `${this.#prefix}:{b:org}:rates`;
    if (!(await this.#redis.hexists(rates, 'run'))) return;
    await this.#redis.hset(rates, 'run', 'another');
    this.#state = afterRestart(this.#state, this.#now);
    const none = { costs: [], band: 'batch' as const, leases: [], leaseMs: LEASE_MS };
    await this.#admission.book('c', none);
    this.#state = book(this.#state, { rules: this.#rules.c, ...none }, this.#now).state;
    const late = { outcome: 'ok', factor: 4, known: true, took: 5 } as const;
    await this.#settle({ after: 0, id: 'b', kind: 'settle', n: 2, ...late });
  }

  /** Compares all that is stored. */
  async check(): Promise<void> {
    const stored = await this.#redis.hgetall(`${this.#prefix}:{b:org}:rates`);
    for (const budget of ['a', 'b', 'c', 'org']) {
      const twin = budgetIn(this.#state, budget);
      assert.equal(Number(stored[`${budget}|pause`] ?? 0), twin.pausedUntil);
      for (const dimension of PACED_DIMENSIONS) this.#checkPacer(stored, budget, dimension);
      for (const dimension of WINDOWED_DIMENSIONS) {
        const bins = parseBins(stored[`${budget}|${dimension}`] ?? '');
        assert.deepEqual(bins, twin.windows[dimension] ?? []);
      }
      const leases = await this.#redis.zrange(
        `${this.#prefix}:{b:org}:leases:${budget}`,
        '0',
        '-1',
        'WITHSCORES',
      );
      const pairs = leases.flatMap((lease, i) => (i % 2 ? [] : [[lease, Number(leases[i + 1])]]));
      assert.deepEqual(Object.fromEntries(pairs), twin.leases);
      this.#checkLearnt(stored, budget);
    }
    await this.#checkLoads();
  }

  #checkLearnt(stored: Record<string, string>, budget: string): void {
    const twin = budgetIn(this.#state, budget);
    for (const dimension of PACED_DIMENSIONS) {
      const learnt = parseLearnt(stored[`${budget}|${dimension}|learnt`]);
      assert.deepEqual(learnt, twin.learnt[dimension] ?? NOTHING_LEARNT);
    }
    assert.deepEqual(parseSlots(stored[`${budget}|slots`]), twin.slots);
    assert.deepEqual(parseProduced(stored[`${budget}|produced`]), twin.produced);
    const [refusals = 0, lessonUntil = 0] = (stored[`${budget}|lesson`] ?? '0 0')
      .split(' ')
      .map(Number);
    assert.deepEqual([refusals, lessonUntil], [twin.refusals, twin.lessonUntil]);
    const asked = stored[`${budget}|interactive`];
    assert.equal(
      asked === undefined ? Number.NEGATIVE_INFINITY : Number(asked),
      twin.interactiveAt,
    );
    const counts = twin.sent && [
      twin.sent.index,
      twin.sent.since,
      ...Object.values(twin.sent.current),
      ...Object.values(twin.sent.before),
    ];
    const sent = stored[`${budget}|sent`];
    assert.deepEqual(sent === undefined ? null : sent.split(' ').map(Number), counts);
  }

  /** A full bucket may be stored as any moment in the past; credit is compared as it is. */
  #checkPacer(
    stored: Record<string, string>,
    budget: string,
    dimension: (typeof PACED_DIMENSIONS)[number],
  ): void {
    const twin = budgetIn(this.#state, budget).pacers[dimension];
    const rule = [...this.#rules.a, ...this.#rules.b, ...this.#rules.c]
      .find((rules) => rules.budget === budget)
      ?.pacers.find((pacer) => pacer.dimension === dimension);
    const { emptiedAt } = this.#state;
    const empty = emptiedAt > 0 && rule ? emptiedAt + 60_000 : 0;
    const fullAt = Number(stored[`${budget}|${dimension}`] ?? 0);
    assert.equal(Math.max(fullAt, empty), Math.max(twin?.fullAt ?? 0, empty));
    assert.equal(Number(stored[`${budget}|${dimension}|credit`] ?? 0), twin?.credit ?? 0);
    const given = (stored[`${budget}|${dimension}|given`] ?? '0 0').split(' ').map(Number);
    assert.deepEqual(given, [twin?.given ?? 0, twin?.givenAt ?? 0]);
  }

  async #checkLoads(): Promise<void> {
    const loads = await this.#admission.read();
    for (const id of ['a', 'b', 'c'] as const) {
      const load = loads.get(id);
      const counters = this.#counters[id];
      assert.deepEqual(
        [load?.taken, load?.ok, load?.failed, load?.consecutiveFailures, load?.costUsd],
        [
          this.#booked[id],
          counters.ok,
          counters.ended - counters.ok,
          counters.consecutiveFailures,
          counters.costUsd,
        ],
      );
      const since = this.#since[id];
      assert.deepEqual(load?.since, since.at > 0 ? since : null);
      assert.equal(load?.meanLatencyMs, counters.ok > 0 ? counters.meanLatencyMs : null);
      assert.equal(load?.latencySumMs, counters.latencySumMs);
      assert.equal(load?.charsPerToken, charsPerToken(counters) ?? 4);
      assert.equal(load?.meanOutput, meanOutput(counters));
    }
  }

  close(): void {
    this.#admission.close();
  }

  get #now(): number {
    return this.#micros / 1000;
  }

  #take(id: Id, n: number): Held[] {
    const taken = this.#held.filter((held) => held.id === id).slice(0, n);
    this.#held = this.#held.filter((held) => !taken.includes(held));
    return taken;
  }
}

let server: TestRedis;
let redis: Redis;
before(async () => {
  server = await startRedis();
  redis = new Redis(server.url);
});
after(async () => {
  redis.disconnect();
  await server.stop();
});

async function assertAgree(
  fleet: Fleet,
  prefix: string,
  { client = redis, numRuns = 250 } = {},
): Promise<void> {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(history, async (steps) => {
      const twins = new Twins(client, `${prefix}-${(runs += 1)}`, fleet);
      try {
        for (const step of steps) await twins.play(step);
        await twins.check();
      } finally {
        twins.close();
      }
    }),
    { numRuns },
  );
}

test('scripts and specification agree', () => assertAgree(manyLimits, 'limits'));

/** Sends every script twice, as ioredis does when a reply is lost. */
function sendingTwice(url: string): Redis {
  const client = new Redis(url);
  defineScripts(client);
  for (const name of [...COUNTING, 'sluiceObserve', 'sluiceRenew'] as const) {
    const send = client[name].bind(client) as (...args: unknown[]) => Promise<unknown>;
    const twice = async (...args: unknown[]): Promise<unknown> => {
      const [first, again] = await Promise.all([send(...args), send(...args)]);
      if (COUNTING.some((one) => one === name)) assert.deepEqual(again, first);
      return first;
    };
    Object.defineProperty(client, name, {
      get: () => twice,
      set: () => {
        // An Admission defines the scripts anew.
      },
    });
  }
  return client;
}
const COUNTING = [
  'sluiceBook',
  'sluiceSettle',
  'sluiceCount',
  'sluiceRefuse',
  'sluiceMark',
] as const;

test('and what is sent twice is done once', async (t) => {
  const client = sendingTwice(server.url);
  t.after(() => client.disconnect());
  const sent = { client, numRuns: 60 };
  await assertAgree(manyLimits, 'twice', sent);
  await assertAgree(produced, 'produced-twice', sent);
});

test('and where calls under way keep a limit', () => assertAgree(produced, 'produced'));

test('long histories are forgotten alike', async () => {
  const admission = new Admission({ redis, prefix: 'long', fleet: manyLimits });
  let counters = NO_CALLS;
  for (let i = 0; i < 40; i += 1) {
    const items = Array.from({ length: 64 }, (_, j): Settled => {
      const tokens = { input_tokens: 1_700 + i, output_tokens: j };
      const cached = Math.floor(tokens.input_tokens / 3);
      const usage = { ...tokens, cached_tokens: cached, reasoning_tokens: 0 };
      const unknown = {
        expected: { requests: 1 as const, input: 1, output: 1, usd: 0 },
        actual: null,
      };
      return {
        lease: '',
        ...unknown,
        outcome: 'ok',
        tookMs: i,
        heldMs: i,
        characters: 5_000,
        usage,
      };
    });
    await admission.settle('c', items);
    counters = countEnded(counters, tally(items.map((item) => ({ ...item, costUsd: 0 }))));
  }
  const stored = await redis.hgetall('long:{b:org}:load');
  assert.deepEqual(
    Object.fromEntries(
      Object.entries(stored).map(([field, value]) => [field.slice(2), Number(value)]),
    ),
    counters,
  );
  assert.ok(counters.outputs < 2_000 && counters.inputTokens < 4_000_000 && counters.ok === 2_560);
  admission.close();
});
