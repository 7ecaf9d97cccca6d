/**
 * What the provider does with a call: refuse it, fail it, let it hang, answer it after a while. The order is that of
 * a real server: connection, credential, request, model, account, limits, work. Changes the limits it charges and
 * nothing else; `now` and every chance are passed in.
 */
import { activeFaults } from './faults.ts';
import type { ActiveFaults, FaultPlan } from './faults.ts';
import { ANY_MODEL } from './fleet.ts';
import type { Account, Lane } from './fleet.ts';
import type { Failure } from './formats/wire-format.ts';
import { admit, countFailure } from '@sluice/windows';
import type { Cost } from '@sluice/windows';
import { readRequest } from './model-request.ts';
import type { Endpoint, ModelRequest } from './model-request.ts';
import { latencyMs, maxOutputPerChoice, produce } from './produce.ts';
import type { Product } from './produce.ts';
import type { Behaviour } from './options.ts';
import { uniform } from './random.ts';

export interface Received {
  account: Account;
  endpoint: Endpoint;
  text: string;
  now: number;
  firstCallAt: number | null;
}

/** What follows; `lane` and `request` as far as they were found out. */
export type Decision = { lane: Lane | null; request: ModelRequest | null } & (
  | { do: 'fail'; failure: Failure }
  | { do: 'drop' }
  | { do: 'work'; product: Product; takesMs: number; how: 'answer' | 'cut' | 'hang' }
);

/** Whether an outage of the whole account closes the connection before anything is read. */
export function isOut(account: Account, now: number, firstCallAt: number | null): boolean {
  if (account.faults.faults.length === 0) return false;
  const moment = { now, firstCallAt, draw: 0, text: '' };
  const total = account.faults.faults.filter(
    ({ rate, match }) => rate === 1 && match === undefined,
  );
  return activeFaults({ faults: total, setAt: account.faults.setAt }, moment).has('outage');
}

export function decide(received: Received): Decision {
  const { account, endpoint, text } = received;
  const plain = account.lanes.get(ANY_MODEL);
  const early = faultsOf(received, account.faults);
  if (early.has('outage')) return { lane: null, request: null, do: 'drop' };
  if (early.has('refuse_credential')) return failed(null, null, { kind: 'unknown_key' });
  const read = readRequest(endpoint, text, account.seed);
  if (!read.ok) return failed(null, null, { kind: 'bad_request', ...read.problem });
  const lane = plain ?? account.lanes.get(read.request.model);
  if (lane === undefined) {
    return failed(null, read.request, { kind: 'model_gone', model: read.request.model });
  }
  const faults = lane.faults === account.faults ? early : faultsOf(received, lane.faults);
  return inLane(received, { lane, request: read.request, faults });
}

interface InLane {
  lane: Lane;
  request: ModelRequest;
  faults: ActiveFaults;
}

function inLane({ now }: Received, { lane, request, faults }: InLane): Decision {
  if (faults.has('outage')) return { lane, request, do: 'drop' };
  const failure = failureOf(faults, lane, request);
  if (failure !== null) {
    if (lane.settings.failed_requests_count) countFailure(lane.sets, now);
    return failed(lane, request, failure);
  }
  const refusal = admit(lane.sets, costOf(request, lane.settings), now);
  if (refusal !== null) {
    if (lane.settings.failed_requests_count) countFailure(lane.sets, now);
    return failed(lane, request, { kind: 'rate_limited', model: request.model, ...refusal });
  }
  return work(lane, request, faults);
}

function work(lane: Lane, request: ModelRequest, faults: ActiveFaults): Decision {
  const product = produce(request, lane.settings);
  const hangs = faults.has('hang');
  const usual = latencyMs(request, product, lane.settings);
  const takesMs = hangs ? Infinity : usual * (faults.get('slow')?.factor ?? 1);
  const how = hangs ? 'hang' : faults.has('cut') ? 'cut' : 'answer';
  return { lane, request, do: 'work', product, takesMs, how };
}

/** In the order in which a server would notice. */
function failureOf(faults: ActiveFaults, lane: Lane, request: ModelRequest): Failure | null {
  if (faults.has('refuse_credential')) return { kind: 'unknown_key' };
  if (faults.has('model_gone')) return { kind: 'model_gone', model: request.model };
  const quota = faults.get('quota_exhausted');
  if (quota !== undefined) return { kind: 'quota_exhausted', status: quota.status };
  if (faults.has('context_too_long')) {
    const tokens = request.inputTokens;
    return { kind: 'context_too_long', tokens, max: tokens - 1 };
  }
  if (faults.has('content_refused')) return { kind: 'content_refused' };
  const error = faults.get('error');
  if (error !== undefined) return { kind: 'server_error', status: error.status ?? 500 };
  return isUnlucky(lane) ? { kind: 'server_error', status: 500 } : null;
}

/** Fault lists draw by their index; this draw stands apart from theirs. */
const ERROR_RATE_SALT = 1_000;

function isUnlucky({ settings, account }: Lane): boolean {
  return settings.error_rate > 0 && uniform(drawOf(account), ERROR_RATE_SALT) < settings.error_rate;
}

const drawOf = ({ seed, draws }: Account): number => (seed ^ draws) >>> 0;

/** What a call takes at admission, by the account's way of charging. */
function costOf(request: ModelRequest, settings: Behaviour): Cost {
  const { inputTokens, choices } = request;
  const reserved =
    settings.charge === 'actual' ? 0 : maxOutputPerChoice(request, settings) * choices;
  const otpm = reserved * settings.output_multiplier;
  return { rpm: 1, tpm: bothOf(settings, inputTokens, otpm), itpm: inputTokens, otpm };
}

const bothOf = (settings: Behaviour, input: number, output: number): number =>
  settings.input_and_output === 'larger' && settings.charge !== 'actual'
    ? Math.max(input, output)
    : input + output;

/** Tokens that were charged at admission and are given back when so many were produced. */
export function givenBack(request: ModelRequest, settings: Behaviour, produced: number): number {
  if (settings.charge !== 'released') return 0;
  const used = bothOf(settings, request.inputTokens, produced * settings.output_multiplier);
  return costOf(request, settings).tpm - used;
}

function faultsOf({ now, firstCallAt, text, account }: Received, plan: FaultPlan): ActiveFaults {
  if (plan.faults.length === 0) return NO_FAULTS;
  return activeFaults(plan, { now, firstCallAt, text, draw: drawOf(account) });
}

const NO_FAULTS: ActiveFaults = new Map();

function failed(lane: Lane | null, request: ModelRequest | null, failure: Failure): Decision {
  return { lane, request, do: 'fail', failure };
}
