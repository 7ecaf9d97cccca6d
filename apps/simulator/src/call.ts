/** The life of one call at the simulated provider: taken in, admitted, producing, ended. Counts what happens. */
import type { Account, Lane } from './fleet.ts';
import type { WireFormat } from './formats/wire-format.ts';
import type { LedgerEntry } from './ledger.ts';
import { leave, produceAtOnce, startProducing, stopProducing } from '@sluice/windows';
import type { LimitSet } from '@sluice/windows';
import type { Endpoint, ModelRequest } from './model-request.ts';
import type { Product } from './produce.ts';
import { tallyAdmitted, tallyCall, tallyEnd } from './tally.ts';
import type { Ending, Tally } from './tally.ts';

export interface Call {
  account: Account;
  endpoint: Endpoint;
  format: WireFormat;
  /** A number no other call of this simulator has. */
  serial: number;
  /** Which reset it began after: calls of before count nowhere. */
  generation: number;
  tallies: Tally[];
  lane: Lane | null;
  request: ModelRequest | null;
  /** Present once admitted. */
  work: Work | null;
  entry: LedgerEntry | null;
}

/** What an admitted call holds and makes. */
export interface Work {
  /** Limits it holds a place in; they stay the same when settings change. */
  sets: readonly LimitSet[];
  product: Product;
  /** Admission, in the simulator's ms. */
  since: number;
  /** How long the answer takes; Infinity for a call that hangs. */
  takesMs: number;
  /** Output tokens charged per ms while it lasts; 0 where they were charged at admission. */
  perMs: number;
  /** What an output token counts when it is produced; 0 where it was charged at admission. */
  multiplier: number;
  /** Tokens that are given back when so many were produced. */
  givesBack: (produced: number) => number;
}

export function enter(call: Call, tally: Tally, atMs: number): void {
  call.tallies.push(tally);
  tallyCall(tally, atMs);
}

/** Begins the work of an admitted call. */
export function begin(call: Call, work: Omit<Work, 'perMs'>): void {
  const { takesMs, multiplier, product } = work;
  const perMs = takesMs > 0 ? (product.outputTokens * multiplier) / takesMs : 0;
  call.work = { ...work, perMs };
  call.tallies.forEach(tallyAdmitted);
  if (perMs > 0) startProducing(work.sets, perMs, work.since);
}

export type EndKind = Ending['kind'];

/** Ends a call, gives back its place in flight and counts it. `atMs` counts from the last reset. */
export function end(
  call: Call,
  how: { kind: EndKind; status: number | null },
  { now, atMs, generation }: { now: number; atMs: number; generation: number },
): void {
  const produced = call.work === null ? 0 : release(call.work, how.kind, now);
  const tokensIn = call.work === null ? 0 : (call.request as ModelRequest).inputTokens;
  const ending = endingOf(how, tokensIn, produced);
  if (call.generation === generation) {
    const when = { admitted: call.work !== null, atMs };
    for (const tally of call.tallies) tallyEnd(tally, ending, when);
  }
  if (call.entry === null) return;
  call.entry.end = how.kind;
  call.entry.status = how.status;
  call.entry.ended_ms = atMs;
  call.entry.tokens_in = tokensIn;
  call.entry.tokens_out = produced;
}

/** Frees the place in flight, settles the output; returns the tokens produced. */
function release(work: Work, kind: EndKind, now: number): number {
  const { sets, product, since, takesMs, perMs, multiplier } = work;
  const share = takesMs === 0 ? 1 : Math.min(1, (now - since) / takesMs);
  const produced = kind === 'ok' ? product.outputTokens : Math.floor(product.outputTokens * share);
  if (perMs > 0) {
    stopProducing(sets, { perMs, correction: produced * multiplier - perMs * (now - since) }, now);
  } else {
    produceAtOnce(sets, produced * multiplier - work.givesBack(produced), now);
  }
  leave(sets);
  return produced;
}

function endingOf(
  { kind, status }: { kind: EndKind; status: number | null },
  tokensIn: number,
  tokensOut: number,
): Ending {
  if (kind === 'limited') return { kind };
  if (kind === 'failed') return { kind, status: status ?? 0 };
  return { kind, tokensIn, tokensOut };
}
