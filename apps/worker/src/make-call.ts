/** One call to a provider, from its body to a classified outcome. Never throws: what goes wrong is an outcome. */
import { roundUsd } from '@sluice/job';
import type { Attempt, Deployment, Outcome, Usage } from '@sluice/job';
import { AS_WANTED } from '@sluice/ledger';
import { plausibleUsage, readLimits, withOutputCap } from '@sluice/providers';
import type { Adapter, Answer, Caller, LimitReport } from '@sluice/providers';
import type { Call } from './load-calls.ts';

export interface CallResult {
  outcome: Outcome;
  statusCode: number | null;
  /** The answer in OpenAI's format, one line of JSON; null when there was none. */
  body: string | null;
  /** Null where the provider does not say, or says what cannot be true (`oddUsage`). */
  usage: Usage | null;
  oddUsage: boolean;
  /** The status that came, where `statusCode` says 502 instead: of a success whose body is no answer, of a redirect or a 304. */
  unreadStatus: number | null;
  costUsd: number | null;
  retryAfterMs: number | null;
  message: string | null;
  limits: LimitReport[];
  /** Output tokens of each answer that the deployment's cap allowed; null: the request had a maximum, or needed none. */
  outputCap: number | null;
  startedAt: number;
  endedAt: number;
}

export interface CallPorts {
  deployment: Deployment;
  adapter: Adapter;
  caller: Caller;
  now: () => number;
}

/** `mayBegin` is asked once more as the request is about to be written; if it says no, nothing was sent. */
export async function makeCall(
  ports: CallPorts,
  call: Call,
  { signal, mayBegin }: { signal: AbortSignal; mayBegin: () => boolean },
): Promise<CallResult | 'not_begun'> {
  const startedAt = ports.now();
  try {
    return await send(ports, call, { signal, mayBegin, startedAt });
  } catch (error) {
    // A body that cannot be put into the wire format (nested too deeply to serialise, say): trying again changes nothing.
    const message = `the request could not be made: ${(error as Error).name}`;
    const costUsd = ports.deployment.price ? 0 : null;
    const endedAt = ports.now();
    return { ...NO_ANSWER, startedAt, endedAt, outcome: 'bad_request', costUsd, message };
  }
}

async function send(
  { deployment, adapter, caller, now }: CallPorts,
  call: Call,
  { startedAt, ...asked }: { signal: AbortSignal; mayBegin: () => boolean; startedAt: number },
): Promise<CallResult | 'not_begun'> {
  const { endpoint } = call;
  const { body, tokens: outputCap } = withOutputCap(endpoint, call.body, deployment);
  const request = adapter.buildRequest({ endpoint, body, deployment });
  const sent = await caller.send(request, { timeoutMs: deployment.timeoutMs, ...asked });
  if (sent.kind === 'not_begun') return 'not_begun';
  const about = { startedAt, endedAt: now(), outputCap };
  if (sent.kind !== 'answer') {
    return { ...NO_ANSWER, ...about, outcome: UNANSWERED[sent.kind], message: sent.message };
  }
  const answer = adapter.readAnswer(endpoint, sent.response);
  const sizes = { sentBytes: request.body.length, receivedBytes: sent.response.text.length };
  const usage = answer.usage && plausibleUsage(answer.usage, sizes);
  return {
    ...about,
    outcome: answer.outcome,
    statusCode: answer.statusCode,
    body: answer.body,
    usage,
    unreadStatus: unreadStatus(answer, sent.response.status),
    oddUsage: usage === null && answer.usage !== null,
    // What cannot be read may have been charged, and nobody knows for what.
    costUsd: 'unreadable' in answer ? null : costOf(deployment, usage, answer.outcome),
    retryAfterMs: answer.retryAfterMs,
    message: answer.message,
    limits: readLimits(sent.response.headers),
  };
}

/** A status of an error that came inside HTTP 200 is not among them: what it says is told. */
const unreadStatus = (answer: Answer, came: number): number | null =>
  'unreadable' in answer || (came >= 300 && came !== answer.statusCode) ? came : null;

/** An answer that is too large would be so again. */
const UNANSWERED = {
  timeout: 'timeout',
  network: 'network',
  too_large: 'bad_request',
  aborted: 'lost',
} as const;

/** Of a call that got none. */
export const NO_ANSWER = {
  statusCode: null,
  body: null,
  usage: null,
  oddUsage: false,
  unreadStatus: null,
  costUsd: null,
  retryAfterMs: null,
  limits: [],
  outputCap: null,
};

const PER_MILLION = 1_000_000;

/** US dollars; null where nobody knows: the deployment has no price, or the answer no usage. A failure without usage costs nothing. */
function costOf(deployment: Deployment, usage: Usage | null, outcome: Outcome): number | null {
  const { price } = deployment;
  if (!price) return null;
  if (!usage) return outcome === 'ok' ? null : 0;
  const cached = price.cached_input ?? price.input;
  const fresh = usage.input_tokens - usage.cached_tokens;
  const input = fresh * price.input + usage.cached_tokens * cached;
  return roundUsd((input + usage.output_tokens * price.output) / PER_MILLION);
}

const isSpilled = ({ arm }: Call): boolean => arm !== '' && arm !== AS_WANTED;

/** The attempt as the ledger shows it. */
export const attemptOf = (deployment: Deployment, call: Call, result: CallResult): Attempt => ({
  deployment: deployment.id,
  ...(isSpilled(call) && { instead_of: call.arm }),
  ...(result.outputCap !== null && { output_cap: result.outputCap }),
  provider: deployment.provider.id,
  started_at: result.startedAt / 1000,
  queued_ms: Math.max(0, Math.round(result.startedAt - call.since)),
  took_ms: Math.round(result.endedAt - result.startedAt),
  outcome: result.outcome,
  status_code: result.unreadStatus ?? result.statusCode,
  usage: result.usage,
  cost_usd: result.costUsd,
  error: result.message,
});
