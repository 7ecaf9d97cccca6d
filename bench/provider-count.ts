/** What the simulated providers count on their own side, read while a benchmark runs. */
import { setTimeout as sleep } from 'node:timers/promises';
import { rowsAt } from '@sluice/testing';
import type { System } from '@sluice/testing';

/** One account's count since the start. */
export interface Count {
  calls: number;
  limited: number;
  /** Tokens charged to its limit of tokens per minute. */
  charged: number;
}

/** `atMs`: by the simulator's clock. */
export interface Reading {
  atMs: number;
  accounts: Record<string, Count>;
}

/** What one account was charged between two readings. */
export interface Between {
  calls: number;
  limited: number;
  /** Of its limit, %. */
  used: number;
}

interface Stats {
  now_ms: number;
  accounts: Record<
    string,
    { calls: number; limited: number; limits: { tpm?: { charged: number } } }
  >;
}

export async function read(system: System): Promise<Reading> {
  const { now_ms: atMs, accounts } = await system.simulated<Stats>();
  const counts = Object.entries(accounts).map(([id, { calls, limited, limits }]) => {
    return [id, { calls, limited, charged: limits.tpm?.charged ?? 0 }] as const;
  });
  return { atMs, accounts: Object.fromEntries(counts) };
}

export function between(
  [from, to]: readonly [Reading, Reading],
  { account, tpm }: { account: string; tpm: number },
): Between {
  const before = from.accounts[account] as Count;
  const after = to.accounts[account] as Count;
  const given = (tpm * (to.atMs - from.atMs)) / 60_000;
  return {
    calls: after.calls - before.calls,
    limited: after.limited - before.limited,
    used: (100 * (after.charged - before.charged)) / given,
  };
}

/** Waits until this machine's clock says `wallMs`; calls `progress` about every ten seconds before. */
export async function waitUntil(wallMs: number, progress: () => Promise<void>): Promise<void> {
  for (;;) {
    const left = wallMs - Date.now();
    if (left <= 0) return;
    await sleep(Math.min(10_000, left));
    if (left > 10_000) await progress();
  }
}

/** Every call so far, as the provider's own ledger has it (the option `ledger`). */
export function readLedger<Call>(system: System): Promise<Call[]> {
  return rowsAt<Call>(`${system.simulatorUrl}/_sim/ledger`);
}

/** This machine's time at the simulator's zero, ms: of several looks the quickest one. */
export async function zeroOf(system: System): Promise<number> {
  let best = { tookMs: Number.POSITIVE_INFINITY, zero: 0 };
  for (let look = 0; look < 20; look += 1) {
    const before = now();
    const { atMs } = await read(system);
    const tookMs = now() - before;
    if (tookMs < best.tookMs) best = { tookMs, zero: before + tookMs / 2 - atMs };
  }
  return best.zero;
}

/** This machine's clock with fractions of a millisecond; it never jumps. */
export const now = (): number => performance.timeOrigin + performance.now();
