/**
 * What is simulated: accounts, the lanes their calls run in, and the limits they fall under. A lane is an account
 * with one of its models; an account that lists no models has a single lane for all. Settings can change while
 * calls are in flight: counts and what has been charged stay. No clock: `now` in ms is passed in.
 */
import type { FaultPlan } from './faults.ts';
import { changeLimits, createLimitSet, refill } from '@sluice/windows';
import type { LimitSet, SetSettings } from '@sluice/windows';
import { isObject, mergePatch } from './merge-patch.ts';
import { behaviourSchema } from './options.ts';
import type { Behaviour, ParsedAccount, ParsedOptions } from './options.ts';
import { hashText } from './random.ts';
import { clearTally, emptyTally } from './tally.ts';
import type { Tally } from './tally.ts';

export interface Account {
  id: string;
  settings: ParsedAccount;
  /** By model; `*` = every model. */
  lanes: Map<string, Lane>;
  faults: FaultPlan;
  tally: Tally;
  limits: LimitSet;
  /** Hashes of prompts and draws of chance begin here: another seed or account, other answers. */
  seed: number;
  /** Calls drawn for so far: each call has its own chance. */
  draws: number;
}

export interface Lane {
  id: string;
  account: Account;
  settings: Behaviour;
  faults: FaultPlan;
  /** Its own limits, or its account's, and its group's. A call is admitted by all or none. */
  sets: LimitSet[];
  /** Of the account, and of the model where models are listed. */
  tallies: Tally[];
}

export interface Fleet {
  options: ParsedOptions;
  accounts: Map<string, Account>;
  byKey: Map<string, Account>;
  groups: Map<string, LimitSet>;
  epochMs: number;
}

export const ANY_MODEL = '*';

/** `epochMs`: wall-clock ms at `now` = 0. */
export function createFleet(change: Change, now: number, epochMs: number): Fleet {
  const fleet: Fleet = {
    options: change.options,
    accounts: new Map(),
    byKey: new Map(),
    groups: new Map(),
    epochMs,
  };
  applyOptions(fleet, change, now);
  return fleet;
}

export interface Change {
  options: ParsedOptions;
  /** The same before defaults: what a model says itself must be told from what it inherits. */
  raw: unknown;
  /** Ids of accounts and lanes whose faults begin anew. */
  patched: string[];
}

/** Puts new options in force at once. */
export function applyOptions(fleet: Fleet, { options, raw, patched }: Change, now: number): void {
  fleet.options = options;
  for (const [id, settings] of Object.entries(options.groups)) {
    fleet.groups.set(id, limitSet(fleet, fleet.groups.get(id), settings, now));
  }
  fleet.byKey.clear();
  for (const [id, settings] of Object.entries(options.accounts)) {
    const old = fleet.accounts.get(id);
    const account: Account = {
      id,
      settings,
      lanes: new Map(),
      faults: faultPlan(settings.faults, patched.includes(id) ? undefined : old?.faults, now),
      tally: old?.tally ?? emptyTally(),
      limits: limitSet(fleet, old?.limits, settings, now),
      seed: hashText(id, options.seed),
      draws: old?.draws ?? 0,
    };
    fleet.accounts.set(id, account);
    fleet.byKey.set(settings.key, account);
    addLanes(fleet, { account, old, raw: rawAccount(raw, id), patched }, now);
  }
}

interface LaneSource {
  account: Account;
  old: Account | undefined;
  raw: Record<string, unknown>;
  patched: string[];
}

function addLanes(fleet: Fleet, source: LaneSource, now: number): void {
  const { account, raw } = source;
  const { key: _key, format: _format, models, ...behaviour } = raw;
  if (!isObject(models)) {
    account.lanes.set(
      ANY_MODEL,
      lane(fleet, { ...source, model: ANY_MODEL, raw: behaviour, own: {} }, now),
    );
    return;
  }
  for (const [model, own] of Object.entries(models)) {
    const merged = mergePatch(behaviour, own) as Record<string, unknown>;
    const ownSettings = isObject(own) ? own : {};
    account.lanes.set(model, lane(fleet, { ...source, model, raw: merged, own: ownSettings }, now));
  }
}

/** Settings of a model that make limits of its own. */
const LIMIT_FIELDS = ['limits', 'window', 'initial_fill', 'day_ms'];

function lane(
  fleet: Fleet,
  source: LaneSource & { model: string; own: Record<string, unknown> },
  now: number,
): Lane {
  const { account, model, own, patched } = source;
  const old = source.old?.lanes.get(model);
  const settings = behaviourSchema.parse(source.raw);
  const id = model === ANY_MODEL ? account.id : `${account.id}/${model}`;
  const ownLimits = LIMIT_FIELDS.some((field) => own[field] !== undefined);
  const kept = old?.sets[0] === source.old?.limits ? undefined : old?.sets[0];
  const limits = ownLimits ? limitSet(fleet, kept, settings, now) : account.limits;
  const group = fleet.groups.get(settings.limit_group ?? '');
  const oldFaults = patched.includes(id) || own['faults'] === undefined ? undefined : old?.faults;
  return {
    id,
    account,
    settings,
    faults:
      own['faults'] === undefined ? account.faults : faultPlan(settings.faults, oldFaults, now),
    sets: group === undefined ? [limits] : [limits, group],
    tallies:
      model === ANY_MODEL ? [account.tally] : [account.tally, old?.tallies[1] ?? emptyTally()],
  };
}

function limitSet(
  fleet: Fleet,
  old: LimitSet | undefined,
  from: SetSettings,
  now: number,
): LimitSet {
  const { limits, window, initial_fill, day_ms } = from;
  const settings = { limits, window, initial_fill, day_ms };
  if (old === undefined) return createLimitSet(settings, now, fleet.epochMs);
  changeLimits(old, settings, now);
  return old;
}

function faultPlan(
  faults: Behaviour['faults'],
  old: FaultPlan | undefined,
  now: number,
): FaultPlan {
  return { faults, setAt: old?.setAt ?? now };
}

function rawAccount(raw: unknown, id: string): Record<string, unknown> {
  const accounts = isObject(raw) ? raw['accounts'] : undefined;
  const account = isObject(accounts) ? accounts[id] : undefined;
  return isObject(account) ? account : {};
}

/** As freshly started with the present settings: counts zero, windows filled, faults from now, chance from its first draw. */
export function resetFleet(fleet: Fleet, now: number): void {
  for (const set of limitSets(fleet)) refill(set, now);
  for (const account of fleet.accounts.values()) {
    account.faults.setAt = now;
    account.draws = 0;
    clearTally(account.tally);
    for (const item of account.lanes.values()) {
      item.faults.setAt = now;
      item.tallies.forEach(clearTally);
    }
  }
}

/** Every set of limits once. */
function limitSets(fleet: Fleet): Set<LimitSet> {
  const sets = new Set(fleet.groups.values());
  for (const { limits, lanes } of fleet.accounts.values()) {
    sets.add(limits);
    for (const item of lanes.values()) for (const set of item.sets) sets.add(set);
  }
  return sets;
}
