/**
 * What a deployment's ended calls teach: how many, how they ended, how long they took, how many characters a token
 * has and how long answers are. Calls are tallied first, so that the store is asked once for many.
 */
import type { FailureClass, Outcome, Usage } from '@sluice/job';

export interface Counters {
  ended: number;
  ok: number;
  /** Failures in a row that speak against the deployment; an answer sets it back. */
  consecutiveFailures: number;
  /** Of answered calls, ms. The mean forgets: about the last twenty count. */
  latencySumMs: number;
  meanLatencyMs: number;
  /** Halved together now and then, so that their ratio follows what is sent lately. */
  characters: number;
  inputTokens: number;
  cachedTokens: number;
  /** Likewise: output tokens of `outputs` answers. */
  outputTokens: number;
  outputs: number;
  costUsd: number;
}

/** All zero: nothing has ended yet. */
export const NO_CALLS: Counters = {
  ended: 0,
  ok: 0,
  consecutiveFailures: 0,
  latencySumMs: 0,
  meanLatencyMs: 0,
  characters: 0,
  inputTokens: 0,
  cachedTokens: 0,
  outputTokens: 0,
  outputs: 0,
  costUsd: 0,
};

/** Weight of the newest latency in the mean. */
const LATENCY_WEIGHT = 0.05;
/** Sums are halved beyond these: the last one to two thousand answers, or two to four million tokens, decide. */
export const MOST_OUTPUTS = 2_000;
export const MOST_INPUT_TOKENS = 4_000_000;

/**
 * A 429 slows a budget down; a request's own fault, or a call that was broken off here, says nothing of the deployment: none of
 * them is held against it.
 */
const BLAMELESS: ReadonlySet<Outcome> = new Set([
  'rate_limited',
  'lost',
  'bad_request',
  'content_refused',
  'context_too_long',
]);

export interface EndedOutcome {
  outcome: Outcome;
  tookMs: number;
  /** Characters sent. */
  characters: number;
  usage: Usage | null;
  costUsd: number;
}

export interface Tally {
  ended: number;
  ok: number;
  failures: Partial<Record<FailureClass, number>>;
  lastFailure: FailureClass | null;
  /** Whether one of them broke the row of failures, and how many stand at its end. */
  answered: boolean;
  trailingFailures: number;
  latencySumMs: number;
  /** Mean of the answered calls, newer ones weighing more, and what it weighs against the mean so far (0…1). */
  latencyMs: number;
  latencyWeight: number;
  characters: number;
  inputTokens: number;
  cachedTokens: number;
  outputTokens: number;
  outputs: number;
  costUsd: number;
}

/** Sums up ended calls, oldest first. */
export function tally(calls: readonly EndedOutcome[]): Tally {
  const answered = calls.filter(({ outcome }) => outcome === 'ok');
  const used = answered.flatMap(({ usage, characters }) =>
    usage ? [{ ...usage, characters }] : [],
  );
  return {
    ended: calls.length,
    ok: answered.length,
    ...failuresOf(calls),
    ...latencyOf(answered),
    characters: sum(used, ({ characters }) => characters),
    inputTokens: sum(used, ({ input_tokens }) => input_tokens),
    cachedTokens: sum(used, ({ cached_tokens }) => cached_tokens),
    outputTokens: sum(used, ({ output_tokens }) => output_tokens),
    outputs: used.length,
    costUsd: sum(calls, ({ costUsd }) => costUsd),
  };
}

const sum = <T>(items: readonly T[], of: (item: T) => number): number =>
  items.reduce((total, item) => total + of(item), 0);

function failuresOf(
  calls: readonly EndedOutcome[],
): Pick<Tally, 'failures' | 'lastFailure' | 'answered' | 'trailingFailures'> {
  const failures: Partial<Record<FailureClass, number>> = {};
  let lastFailure: FailureClass | null = null;
  let answered = false;
  let trailingFailures = 0;
  for (const { outcome } of calls) {
    if (outcome === 'ok') {
      answered = true;
      trailingFailures = 0;
      continue;
    }
    failures[outcome] = (failures[outcome] ?? 0) + 1;
    lastFailure = outcome;
    if (!BLAMELESS.has(outcome)) trailingFailures += 1;
  }
  return { failures, lastFailure, answered, trailingFailures };
}

/** Folds latencies as one by one: m ← m + w (x − m), so that a chunk weighs as much as its calls. */
function latencyOf(
  answered: readonly EndedOutcome[],
): Pick<Tally, 'latencySumMs' | 'latencyMs' | 'latencyWeight'> {
  let weighted = 0;
  let weight = 0;
  for (const { tookMs } of answered) {
    weighted += LATENCY_WEIGHT * (tookMs - weighted);
    weight += LATENCY_WEIGHT * (1 - weight);
  }
  const latencyMs = weight > 0 ? weighted / weight : 0;
  return { latencySumMs: sum(answered, ({ tookMs }) => tookMs), latencyMs, latencyWeight: weight };
}

/** The counters after a tally. */
export function countEnded(counters: Counters, calls: Tally): Counters {
  const weight = counters.ok === 0 && calls.ok > 0 ? 1 : calls.latencyWeight;
  const inputTokens = counters.inputTokens + calls.inputTokens;
  const outputs = counters.outputs + calls.outputs;
  const inputScale = inputTokens > MOST_INPUT_TOKENS ? 0.5 : 1;
  const outputScale = outputs > MOST_OUTPUTS ? 0.5 : 1;
  return {
    ended: counters.ended + calls.ended,
    ok: counters.ok + calls.ok,
    consecutiveFailures:
      (calls.answered ? 0 : counters.consecutiveFailures) + calls.trailingFailures,
    latencySumMs: counters.latencySumMs + calls.latencySumMs,
    meanLatencyMs: counters.meanLatencyMs + weight * (calls.latencyMs - counters.meanLatencyMs),
    characters: (counters.characters + calls.characters) * inputScale,
    inputTokens: inputTokens * inputScale,
    cachedTokens: (counters.cachedTokens + calls.cachedTokens) * inputScale,
    outputTokens: (counters.outputTokens + calls.outputTokens) * outputScale,
    outputs: outputs * outputScale,
    costUsd: counters.costUsd + calls.costUsd,
  };
}

/**
 * What has ended, by outcome, of the calls that began at a moment or later: calls that hung when their deployment's breaker
 * opened end a minute after, and say nothing of how it does now.
 */
export interface Since {
  /** ms; 0 = nobody asked. */
  at: number;
  ended: Partial<Record<Outcome, number>>;
}

/** Adds calls that end now. */
export function countSince(
  since: Since,
  calls: readonly Pick<EndedOutcome, 'outcome' | 'tookMs'>[],
  now: number,
): Since {
  if (since.at <= 0) return since;
  const ended = { ...since.ended };
  for (const { outcome, tookMs } of calls)
    if (now - tookMs >= since.at) ended[outcome] = (ended[outcome] ?? 0) + 1;
  return { ...since, ended };
}

/** Characters per token as measured; null before the first answer with a usage. */
export const charsPerToken = ({ characters, inputTokens }: Counters): number | null =>
  inputTokens > 0 && characters > 0 ? characters / inputTokens : null;

/** Part of the input that was read from the provider's cache, 0…1. */
export const cachedShare = ({ cachedTokens, inputTokens }: Counters): number =>
  inputTokens > 0 ? Math.min(1, cachedTokens / inputTokens) : 0;

/** Mean length of an answer in tokens; null before the first. */
export const meanOutput = ({ outputTokens, outputs }: Counters): number | null =>
  outputs > 0 ? outputTokens / outputs : null;
