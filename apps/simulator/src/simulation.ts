/**
 * The simulated providers without their sockets and without a clock: takes calls, says what is done with them,
 * counts. The server in front measures time, waits and writes.
 */
import { begin, end, enter } from './call.ts';
import type { Call, EndKind } from './call.ts';
import { decide, givenBack, isOut } from './decide.ts';
import { applyOptions, createFleet, resetFleet } from './fleet.ts';
import type { Account, Fleet } from './fleet.ts';
import type { Failure, Reply, WireFormat } from './formats/wire-format.ts';
import type { LedgerEntry } from './ledger.ts';
import { limitViews } from '@sluice/windows';
import { isObject, mergePatch } from './merge-patch.ts';
import type { Endpoint } from './model-request.ts';
import { readOptions } from './options.ts';
import type { SimulatorOptions } from './options.ts';
import { requestKey } from './request-texts.ts';
import { statsOf } from './stats.ts';
import type { SimulatorStats } from './stats.ts';

/** What the server has to do for a call now. */
export type Step =
  | { do: 'reply'; reply: Reply }
  | { do: 'drop' }
  | { do: 'wait'; ms: number; how: 'answer' | 'cut' }
  | { do: 'hang' };

export type Update = { ok: true } | { ok: false; status: 400 | 404; mistakes: string[] };

export class Simulation {
  readonly fleet: Fleet;
  #raw: unknown;
  #epochMs: number;
  #startedAt: number;
  #firstCallAt: number | null = null;
  #generation = 0;
  #serial = 0;
  #unknownKeys = 0;
  #entries: LedgerEntry[] = [];

  /** `epochMs`: wall-clock ms at `now` = 0. Throws when the options are wrong, with every mistake. */
  constructor(options: SimulatorOptions, now: number, epochMs: number) {
    const read = readOptions(options);
    if (!read.ok) throw new Error(`simulator options:\n${read.mistakes.join('\n')}`);
    this.#raw = structuredClone(options);
    this.#epochMs = epochMs;
    this.#startedAt = now;
    this.fleet = createFleet({ options: read.options, raw: options, patched: [] }, now, epochMs);
  }

  /** The account that a key opens in a wire format. A wrong key is counted. */
  account(key: string | undefined): Account | undefined {
    const account = this.fleet.byKey.get(key ?? '');
    if (account === undefined) this.#unknownKeys += 1;
    return account;
  }

  /** A call has arrived, its body not yet. */
  take(account: Account, endpoint: Endpoint, format: WireFormat, now: number): Call {
    this.#firstCallAt ??= now;
    this.#serial += 1;
    account.draws += 1;
    const call: Call = {
      account,
      endpoint,
      format,
      serial: this.#serial,
      generation: this.#generation,
      tallies: [],
      lane: null,
      request: null,
      work: null,
      entry: null,
    };
    enter(call, account.tally, now - this.#startedAt);
    if (this.fleet.options.ledger) this.#write(call, now);
    return call;
  }

  /** Whether the connection is closed before the body is read. */
  isOut(call: Call, now: number): boolean {
    return isOut(call.account, now, this.#firstCallAt);
  }

  /** The body has arrived: decides, charges limits, and ends the call at once where that is the decision. */
  step(call: Call, text: string, now: number): Step {
    const { account, endpoint } = call;
    const firstCallAt = this.#firstCallAt;
    const decision = decide({ account, endpoint, text, now, firstCallAt });
    this.#note(call, decision, now);
    if (decision.do === 'drop') return this.drop(call, now);
    if (decision.do === 'fail')
      return { do: 'reply', reply: this.fail(call, decision.failure, now) };
    const { product, takesMs, how } = decision;
    const { sets, settings } = decision.lane as NonNullable<typeof decision.lane>;
    begin(call, {
      sets,
      product,
      since: now,
      takesMs,
      multiplier: settings.charge === 'actual' ? settings.output_multiplier : 0,
      givesBack: (produced) =>
        decision.request === null ? 0 : givenBack(decision.request, settings, produced),
    });
    return how === 'hang' ? { do: 'hang' } : { do: 'wait', ms: takesMs, how };
  }

  /** The work is done: the answer. `kind` is `dropped` when only a part of it will be sent. */
  answer(call: Call, kind: 'ok' | 'dropped', now: number): Reply {
    const { request, work, lane, format, serial } = call;
    if (request === null || work === null || lane === null) throw new Error('not admitted');
    const { headers, embedding_dimensions: embeddingDimensions } = lane.settings;
    const wallMs = this.#epochMs + now;
    const body = format.answer(request, work.product, { serial, wallMs, embeddingDimensions });
    this.#end(call, { kind, status: kind === 'ok' ? 200 : null }, now);
    const limits = headers ? format.rateLimitHeaders(limitViews(work.sets, now), wallMs) : [];
    return { status: 200, headers: limits, body };
  }

  /** Ends a call with a failure. */
  fail(call: Call, failure: Failure, now: number): Reply {
    const reply = call.format.fail(failure, call.serial);
    const kind: EndKind = failure.kind === 'rate_limited' ? 'limited' : 'failed';
    this.#end(call, { kind, status: reply.status }, now);
    const sets = call.lane?.settings.headers === true ? call.lane.sets : [];
    const limits = call.format.rateLimitHeaders(limitViews(sets, now), this.#epochMs + now);
    return { ...reply, headers: [...reply.headers, ...limits] };
  }

  /** The connection is closed by a fault. */
  drop(call: Call, now: number): Step {
    this.#end(call, { kind: 'dropped', status: null }, now);
    return { do: 'drop' };
  }

  /** The client gave up. */
  abort(call: Call, now: number): void {
    this.#end(call, { kind: 'aborted', status: null }, now);
  }

  stats(now: number): SimulatorStats {
    const { fleet } = this;
    const startedAt = this.#startedAt;
    return statsOf(fleet, { now, startedAt, unknownKeys: this.#unknownKeys });
  }

  ledger(): readonly LedgerEntry[] {
    return this.#entries;
  }

  /** As freshly started with the present settings. Calls in flight go on and count nowhere. */
  reset(now: number): void {
    this.#generation += 1;
    this.#startedAt = now;
    this.#firstCallAt = null;
    this.#unknownKeys = 0;
    this.#entries = [];
    resetFleet(this.fleet, now);
  }

  /**
   * Merges a JSON merge patch into an account (`a`), a model (`a/gpt-x`) or a group, in force at once; in-flight
   * calls keep what was decided for them. A wrong patch changes nothing. New faults begin now.
   */
  update(id: string, patch: unknown, now: number): Update {
    const path = pathOf(this.#raw, id);
    if (path === null) return { ok: false, status: 404, mistakes: [`nothing is called "${id}"`] };
    if (!isObject(patch)) return { ok: false, status: 400, mistakes: ['a patch is a JSON object'] };
    const raw = mergePatch(this.#raw, nested(path, patch));
    const read = readOptions(raw);
    if (!read.ok) return { ok: false, status: 400, mistakes: read.mistakes };
    this.#raw = raw;
    const patched = patch['faults'] === undefined ? [] : [id];
    applyOptions(this.fleet, { options: read.options, raw, patched }, now);
    return { ok: true };
  }

  #note(call: Call, { lane, request }: Pick<Call, 'lane' | 'request'>, now: number): void {
    call.lane = lane;
    call.request = request;
    const ofModel = lane?.tallies[1];
    if (ofModel !== undefined) enter(call, ofModel, now - this.#startedAt);
    if (call.entry === null || request === null) return;
    call.entry.model = request.model;
    call.entry.key = requestKey(request.body);
    call.entry.metadata = request.body['metadata'] ?? null;
  }

  #end(call: Call, how: { kind: EndKind; status: number | null }, now: number): void {
    end(call, how, { now, atMs: now - this.#startedAt, generation: this.#generation });
  }

  #write(call: Call, now: number): void {
    call.entry = {
      at_ms: now - this.#startedAt,
      ended_ms: null,
      account: call.account.id,
      caller: null,
      model: null,
      endpoint: call.endpoint,
      status: null,
      end: null,
      tokens_in: 0,
      tokens_out: 0,
      key: null,
      metadata: null,
    };
    this.#entries.push(call.entry);
  }
}

/** Where in the options an id stands. */
function pathOf(raw: unknown, id: string): string[] | null {
  const { accounts, groups = {} } = raw as SimulatorOptions;
  if (accounts[id] !== undefined) return ['accounts', id];
  if (groups[id] !== undefined) return ['groups', id];
  const slash = id.indexOf('/');
  const [account, model] = [id.slice(0, slash), id.slice(slash + 1)];
  const models = slash > 0 ? accounts[account]?.models : undefined;
  return models?.[model] === undefined ? null : ['accounts', account, 'models', model];
}

function nested(path: string[], value: unknown): unknown {
  return path.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
}
