/**
 * The provider behind one deployment: what it does with a call, decided when the call starts, and what it counts, on its
 * own side. Its windows are those of the HTTP simulator.
 */
import { OUTCOMES, setsMaximum } from '@sluice/job';
import type { Deployment, FailureClass, Outcome } from '@sluice/job';
import {
  admit,
  advisedMs,
  countFailure,
  leave,
  limitViews,
  startProducing,
  produceAtOnce,
  stopProducing,
} from '@sluice/windows';
import type { Dimension, LimitSet, Refusal } from '@sluice/windows';
import { drawn } from './chance.ts';
import type { Behaviour, Job, Latency, Outage } from './scenario.ts';

interface Asking {
  job: Job;
  /** Which of all jobs, and which of its calls, from 0: what chance is drawn from. */
  index: number;
  attempt: number;
  now: number;
}

/** How a call will end if nobody ends it before. */
export interface Ending {
  outcome: Outcome;
  takesMs: number;
  /** The limit that a 429 names, and the wait that it asks for. */
  limit: Refusal['limit'] | null;
  retryAfterMs: number | null;
  /** Tokens of the answer, or of the part that was produced. */
  outputTokens: number;
  /** Frees what the call held; to be called when it ends. */
  finish: (now: number) => void;
}

export interface Provider {
  call(asking: Asking): Ending;
  /** What headers would say is left now. */
  remaining(now: number): { dimension: Dimension; limit: number; remaining: number }[];
}

/** Refusals come at once, but not in no time. */
const REFUSAL_MS = 1;

interface Parts {
  deployment: Deployment;
  behaviour: Behaviour;
  /** Its own limits, then those it shares. A call is admitted by all or none. */
  sets: readonly LimitSet[];
  seed: number;
}

export function provider(parts: Parts): Provider {
  const { behaviour, sets } = parts;
  return {
    call: (asking) => answerTo(parts, asking),
    remaining: (now) =>
      behaviour.headers
        ? [...limitViews(sets, now)].map(([dimension, view]) => ({
            dimension,
            limit: view.perMinute,
            remaining: Math.max(0, Math.floor(view.remaining + 1e-6)),
          }))
        : [],
  };
}

function answerTo(parts: Parts, asking: Asking): Ending {
  const { behaviour, sets } = parts;
  const { now } = asking;
  const active = behaviour.outages.filter(({ fromMs, toMs }) => now >= fromMs && now < toMs);
  const failure = failureOf(active, behaviour, drawOf(parts, asking, 1));
  if (failure !== null) {
    if (behaviour.failedRequestsCount) countFailure(sets, now);
    const takesMs = failureMs(failure, behaviour.latency);
    return refused(failure, { takesMs, limit: null, retryAfterMs: null });
  }
  const refusal = admit(sets, costOf(parts, asking.job), now);
  if (refusal !== null) {
    if (behaviour.failedRequestsCount) countFailure(sets, now);
    const { limit, waitMs } = refusal;
    const { type } = parts.deployment.provider;
    const retryAfterMs = waitMs === null ? null : advisedMs(type, waitMs);
    return refused('rate_limited', { takesMs: REFUSAL_MS, limit, retryAfterMs });
  }
  return work(parts, asking, active);
}

/** An admitted call: it produces its output evenly until it ends, by itself or by its timeout. */
function work(parts: Parts, asking: Asking, active: readonly Outage[]): Ending {
  const { behaviour, deployment, sets } = parts;
  const { output: charge, outputMultiplier } = deployment.accounting;
  const output = outputOf(parts, asking.job);
  const slow = active.find(({ kind }) => kind === 'slow')?.factor ?? 1;
  const hangs = active.some(({ kind }) => kind === 'hang');
  const usual = latencyMs(behaviour.latency, asking.job.inputTokens, output);
  const jitter = 1 + behaviour.latency.jitter * (2 * drawOf(parts, asking, 2) - 1);
  const wholeMs = hangs ? Infinity : Math.max(REFUSAL_MS, usual * slow * jitter);
  const takesMs = Math.min(wholeMs, deployment.timeoutMs);
  const produced = takesMs < wholeMs ? Math.floor((output * takesMs) / wholeMs) : output;
  const perMs = charge === 'actual' ? (produced * outputMultiplier) / takesMs : 0;
  if (perMs > 0) startProducing(sets, perMs, asking.now);
  return {
    outcome: takesMs < wholeMs ? 'timeout' : 'ok',
    takesMs,
    limit: null,
    retryAfterMs: null,
    outputTokens: produced,
    finish: (now) => {
      const correction = produced * outputMultiplier - perMs * (now - asking.now);
      if (perMs > 0) stopProducing(sets, { perMs, correction }, now);
      if (charge === 'released') produceAtOnce(sets, -unused(parts, asking.job, produced), now);
      leave(sets);
    },
  };
}

const refused = (
  outcome: FailureClass,
  about: Pick<Ending, 'takesMs' | 'limit' | 'retryAfterMs'>,
): Ending => ({ outcome, ...about, outputTokens: 0, finish: () => undefined });

const drawOf = ({ seed }: Parts, { index, attempt }: Asking, salt: number): number =>
  drawn(seed, index, attempt, salt);

/** The class that a call fails with, by an outage or by chance; null = it is worked on. */
function failureOf(
  active: readonly Outage[],
  { failures }: Behaviour,
  draw: number,
): FailureClass | null {
  for (const { kind } of active) if (kind !== 'hang' && kind !== 'slow') return kind;
  let below = 0;
  for (const outcome of OUTCOMES) {
    if (outcome === 'ok') continue;
    below += failures[outcome] ?? 0;
    if (draw < below) return outcome;
  }
  return null;
}

/** A server that fails has looked at the request first; a closed connection or a wrong key is noticed at once. */
const failureMs = (failure: FailureClass, { baseMs }: Latency): number =>
  failure === 'network' || failure === 'credential' ? REFUSAL_MS : Math.max(REFUSAL_MS, baseMs);

export const latencyMs = (latency: Latency, input: number, output: number): number =>
  latency.baseMs + latency.perInputToken * input + latency.perOutputToken * output;

/** What it charges at admission. */
function costOf({ deployment }: Parts, job: Job) {
  const { inputTokens } = job;
  const reserved = reservedFor(deployment, job);
  return {
    rpm: 1,
    tpm: bothOf(deployment, inputTokens, reserved),
    itpm: inputTokens,
    otpm: reserved,
  };
}

/** Output that is charged before it is there. */
function reservedFor({ accounting, defaultMaxTokens }: Deployment, { maxOutput }: Job): number {
  const { output, outputMultiplier } = accounting;
  return output === 'actual' ? 0 : (maxOutput ?? defaultMaxTokens) * outputMultiplier;
}

const bothOf = ({ accounting }: Deployment, input: number, output: number): number =>
  accounting.inputAndOutput === 'larger' && accounting.output !== 'actual'
    ? Math.max(input, output)
    : input + output;

/** Of what was charged at admission, the part that turned out to be too much. */
function unused({ deployment }: Parts, job: Job, produced: number): number {
  const { inputTokens } = job;
  const used = produced * deployment.accounting.outputMultiplier;
  const charged = bothOf(deployment, inputTokens, reservedFor(deployment, job));
  return charged - bothOf(deployment, inputTokens, used);
}

const outputOf = ({ deployment }: Parts, job: Job): number => answerTokens(deployment, job);

/** Tokens of an answer: what the job wants, cut off at the maximum it sets, or that its wire format makes it set. */
export function answerTokens(deployment: Deployment, job: Job): number {
  const isSet = setsMaximum(deployment) || deployment.provider.type === 'anthropic';
  const most = job.maxOutput ?? (isSet ? deployment.defaultMaxTokens : Infinity);
  return Math.min(job.outputTokens, most);
}
