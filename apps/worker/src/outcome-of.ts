/** From a call's result to what is stored: the decision facts for the recorder and the raw text it passes on. */
import { encodeRecorded } from '@sluice/files';
import { costOfAttempts } from '@sluice/job';
import type { Attempt, Deployment } from '@sluice/job';
import type { OutcomeMeta } from '@sluice/ledger';
import type { Call } from './load-calls.ts';
import { attemptOf } from './make-call.ts';
import type { CallResult } from './make-call.ts';

export interface StoredOutcome {
  meta: OutcomeMeta;
  raw: string;
}

export function outcomeOf(deployment: Deployment, call: Call, result: CallResult): StoredOutcome {
  const attempt = attemptOf(deployment, call, result);
  const isLine = call.line > 0;
  const meta: OutcomeMeta = {
    place: call.place,
    line: call.line,
    outcome: result.outcome,
    statusCode: result.statusCode,
    deployment: deployment.id,
    usage: result.usage,
    costUsd: result.costUsd,
    retryAfterMs: result.retryAfterMs,
    message: result.message,
    attempts: attemptsFor(call, attempt, result),
    tries: call.tries,
    endedAt: result.endedAt,
    ...(call.arm !== '' && {
      arm: { pool: call.pool, wanted: call.arm, tookMs: attempt.took_ms },
    }),
  };
  return { meta, raw: isLine ? rowOf(deployment, call, { result, attempt }) : (result.body ?? '') };
}

function attemptsFor(call: Call, attempt: Attempt, result: CallResult): Attempt[] {
  if (call.line > 0 && result.outcome === 'ok') return [];
  return [...attemptsBefore(call), attempt];
}

const attemptsBefore = (call: Call): Attempt[] => JSON.parse(`[${call.attempts}]`) as Attempt[];

/** The finished row of the batch's segment: OpenAI's output line and what Sluice adds to it. */
function rowOf(
  deployment: Deployment,
  call: Call,
  made: { result: CallResult; attempt: Attempt },
): string {
  const { result, attempt } = made;
  const attempts = call.attempts === '' ? '' : `${call.attempts},`;
  const cost = costOfAttempts([...attemptsBefore(call), attempt]);
  const extras =
    `{"deployment":${JSON.stringify(deployment.id)},"tier":${call.tier},` +
    `"attempts":[${attempts}${JSON.stringify(attempt)}],"cost_usd":${cost}}`;
  return encodeRecorded({
    line: call.line,
    ok: result.outcome === 'ok',
    output: outputLine(call, result),
    extras,
  });
}

/** wire-spec 1.9: an HTTP failure stands under `response`, anything else under `error`. */
function outputLine(call: Call, result: CallResult): string {
  const request = `batch_req_${call.ref.slice('batch_'.length).replace('.', '_')}`;
  const head = `{"id":"${request}","custom_id":${JSON.stringify(call.customId)},"response":`;
  if (result.body === null) {
    const error = { code: result.outcome, message: result.message ?? 'the call got no answer' };
    return `${head}null,"error":${JSON.stringify(error)}}`;
  }
  return `${head}{"status_code":${result.statusCode},"request_id":"${request}","body":${result.body}},"error":null}`;
}
