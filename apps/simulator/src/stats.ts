/** The counts as `GET /_sim/stats` shows them. Times are ms of the simulator's own clock since its start or reset. */
import { ANY_MODEL } from './fleet.ts';
import type { Account, Fleet } from './fleet.ts';
import type { LimitSet, SetStats } from '@sluice/windows';
import { limitStats } from '@sluice/windows';
import type { Tally } from './tally.ts';

type LaneStats = Tally & { limits: SetStats };
export type AccountStats = LaneStats & { models?: Record<string, LaneStats> };

export interface SimulatorStats {
  now_ms: number;
  /** Of all accounts. */
  first_call_ms: number | null;
  last_answer_ms: number | null;
  /** Calls with a key that no account has; they are counted nowhere else. */
  unknown_keys: number;
  accounts: Record<string, AccountStats>;
  groups: Record<string, { in_flight: number; limits: SetStats }>;
}

export function statsOf(
  fleet: Fleet,
  { now, startedAt, unknownKeys }: { now: number; startedAt: number; unknownKeys: number },
): SimulatorStats {
  const accounts = [...fleet.accounts.values()];
  const whole = spanOf(accounts.map(({ tally }) => tally));
  return {
    now_ms: now - startedAt,
    first_call_ms: whole.first,
    last_answer_ms: whole.last,
    unknown_keys: unknownKeys,
    accounts: Object.fromEntries(
      accounts.map((account) => [account.id, accountStats(account, now)]),
    ),
    groups: Object.fromEntries(
      [...fleet.groups].map(([id, set]) => [id, groupStats(set, usersOf(accounts, set), now)]),
    ),
  };
}

function accountStats(account: Account, now: number): AccountStats {
  const stats = laneStats(account.tally, account.limits, now);
  if (account.lanes.has(ANY_MODEL)) return stats;
  const models = [...account.lanes].map(
    ([model, { tallies, sets }]) =>
      [model, laneStats(tallies[1] as Tally, sets[0] as LimitSet, now)] as const,
  );
  return { ...stats, models: Object.fromEntries(models) };
}

function laneStats(tally: Tally, set: LimitSet, now: number): LaneStats {
  const copy = { ...tally, failed: { ...tally.failed } };
  return { ...copy, limits: limitStats(set, { busyMs: busyMs(spanOf([tally])), now }) };
}

function groupStats(set: LimitSet, users: Tally[], now: number): SimulatorStats['groups'][string] {
  return {
    in_flight: set.inFlight,
    limits: limitStats(set, { busyMs: busyMs(spanOf(users)), now }),
  };
}

/** Counts of the accounts and models whose calls fall under a set. */
function usersOf(accounts: Account[], set: LimitSet): Tally[] {
  return accounts.flatMap(({ lanes }) =>
    [...lanes.values()]
      .filter(({ sets }) => sets.includes(set))
      .map(({ tallies }) => tallies.at(-1) as Tally),
  );
}

interface Span {
  first: number | null;
  last: number | null;
}

function spanOf(tallies: Tally[]): Span {
  const firsts = tallies.map((tally) => tally.first_call_ms).filter((ms) => ms !== null);
  const lasts = tallies.map((tally) => tally.last_answer_ms).filter((ms) => ms !== null);
  return {
    first: firsts.length === 0 ? null : Math.min(...firsts),
    last: lasts.length === 0 ? null : Math.max(...lasts),
  };
}

function busyMs({ first, last }: Span): number | null {
  return first === null || last === null ? null : last - first;
}
