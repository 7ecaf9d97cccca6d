/** What a chaos run proves: pure, from the client's book, the providers' ledger, the sink's list and the faults done. */
import type { Asked, Called, Delivered, Done } from './book.ts';
import { grouped } from './grouped.ts';

export interface Evidence {
  /** Sound requests that were answered with a refusal for good. */
  refused: readonly string[];
  asked: readonly Asked[];
  calls: readonly Called[];
  deliveries: readonly Delivered[];
  faults: readonly Done[];
  /** Ended jobs and lines by the usage figures, and by the lists; null: it could not be read. */
  counted: number | null;
  ended: number | null;
  /** Each account's limit, calls a second; its window holds a second of that. */
  ratePerSecond: number;
}

export interface Verdict {
  accepted: number;
  lines: number;
  refused: readonly string[];
  /** Each a sentence that names what is wrong; none in a sound run. */
  lost: string[];
  twice: string[];
  linesWrong: string[];
  countersWrong: string[];
  overspent: string[];
  webhooksMissing: string[];
  calls: number;
  extraCalls: number;
  unexplained: string[];
}

/** Between an answer and its being safe: a fault in this time may cost the call once more, ms. */
const STORING_MS = 2_000;
export function judge(evidence: Evidence): Verdict {
  const accepted = evidence.asked.filter(({ ids }) => ids.size > 0);
  const extra = extraCalls(evidence);
  return {
    accepted: accepted.filter(({ kind }) => kind !== 'batch').length,
    lines: accepted
      .filter(({ kind }) => kind === 'batch')
      .reduce((sum, { lines }) => sum + lines, 0),
    refused: evidence.refused,
    lost: accepted.filter(({ last }) => last === null).map(name),
    twice: twice(accepted, evidence.deliveries),
    linesWrong: accepted.flatMap(linesWrong),
    countersWrong: [...accepted.flatMap(countsWrong), ...usageWrong(evidence)],
    overspent: overspent(evidence),
    webhooksMissing: missing(accepted, evidence.deliveries),
    calls: evidence.calls.length,
    extraCalls: extra.length,
    unexplained: extra.filter(({ explained }) => !explained).map(({ what }) => what),
  };
}

/** Everything that must be empty. */
export const broken = (verdict: Verdict): string[] =>
  [
    ['refused', verdict.refused],
    ['lost', verdict.lost],
    ['recorded twice', verdict.twice],
    ['lines missing or doubled', verdict.linesWrong],
    ['counters', verdict.countersWrong],
    ['overspent', verdict.overspent],
    ['webhook missing', verdict.webhooksMissing],
    ['call unexplained', verdict.unexplained],
  ].flatMap(([what, list]) =>
    (list as readonly string[]).map((one) => `${what as string}: ${one}`),
  );

const name = ({ kind, tag, ids }: Asked): string => `${kind} ${tag} ${[...ids].join(' ')}`;

function twice(accepted: readonly Asked[], deliveries: readonly Delivered[]): string[] {
  const events = new Map<string, Set<string>>();
  for (const [id, own] of grouped(deliveries, (one) => one.id))
    events.set(id, new Set(own.map(({ event }) => event)));
  return accepted.flatMap((one) => twiceIn(one, events));
}

/** Two ids for one key, two ends, or two different events of one end. `told`: events by what they are about. */
function twiceIn(one: Asked, told: ReadonlyMap<string, ReadonlySet<string>>): string[] {
  const found: string[] = [];
  if (one.ids.size > 1) found.push(`${name(one)}: one key, several ids`);
  const { first, last } = one;
  if (first && last && (first.status !== last.status || first.endedAt !== last.endedAt))
    found.push(
      `${name(one)}: ${first.status} at ${first.endedAt}, then ${last.status} at ${last.endedAt}`,
    );
  const events = [...one.ids].reduce((sum, id) => sum + (told.get(id)?.size ?? 0), 0);
  if (events > 1) found.push(`${name(one)}: ${events} events of one end`);
  return found;
}

/** Every line once in output ∪ error. */
function linesWrong(one: Asked): string[] {
  const { last, kind, tag, lines } = one;
  if (kind !== 'batch' || last === null) return [];
  const seen = new Map<string, number>();
  for (const id of [...(last.output ?? []), ...(last.errors ?? [])])
    seen.set(id, (seen.get(id) ?? 0) + 1);
  const wanted = Array.from({ length: lines }, (_, i) => `${tag}.${i}`);
  const wrong = wanted.filter((id) => seen.get(id) !== 1);
  const strange = seen.size - (lines - wanted.filter((id) => !seen.has(id)).length);
  if (wrong.length === 0 && strange === 0) return [];
  return [
    `${name(one)} (${last.status}): ${wrong.length} of ${lines} not once, e.g. ${wrong[0]} ${seen.get(wrong[0] ?? '') ?? 0} times; ${strange} unknown`,
  ];
}

/** What a batch that was cut short did not come to: its error file has these lines, its counts do not. */
const CUT_SHORT = new Set(['cancelled', 'expired']);

function countsWrong(one: Asked): string[] {
  const { last, lines } = one;
  if (!last?.counts) return [];
  const { total, completed, failed } = last.counts;
  const { output = [], errors = [] } = last;
  const undone = errors.length - failed;
  const whole = total === lines && output.length + errors.length === total;
  if (whole && completed === output.length && undone === 0) return [];
  if (whole && completed === output.length && undone > 0 && CUT_SHORT.has(last.status)) return [];
  return [
    `${name(one)} (${last.status}): ${completed} + ${failed} of ${total}; files ${last.output?.length} and ${last.errors?.length}`,
  ];
}

/** Usage counts each job and line once. What was accepted without our knowing (no answer came) is in the list too. */
function usageWrong({ asked, counted, ended }: Evidence): string[] {
  if (counted === null || ended === null)
    return ['usage or the list of jobs could not be read, or some never ended'];
  const batches = asked.filter(({ kind, ids }) => kind === 'batch' && ids.size > 0);
  const lines = batches.reduce((sum, one) => sum + one.lines, 0);
  return counted === ended + lines
    ? []
    : [`usage says ${counted}, there are ${ended} jobs and ${lines} lines`];
}

/** By the providers' own clock: no window of any length w holds more than a second's worth + rate × w; and no 429. */
function overspent({ calls, ratePerSecond }: Evidence): string[] {
  const found: string[] = [];
  for (const [account, own] of grouped(calls, (call) => call.account)) {
    const limited = own.filter(({ end }) => end === 'limited').length;
    if (limited > 0) found.push(`${account}: ${limited} calls refused by its limit`);
    const over = mostOver(
      own.map(({ at }) => at).toSorted((one, other) => one - other),
      ratePerSecond,
    );
    if (over > 0) found.push(`${account}: ${over.toFixed(1)} calls over in some window`);
  }
  return found;
}

/** The largest excess of any window over burst + rate × w. Times in ms, ascending. */
export function mostOver(times: readonly number[], ratePerSecond: number): number {
  let least = Number.POSITIVE_INFINITY;
  let most = 0;
  times.forEach((at, i) => {
    const allowed = (ratePerSecond * at) / 1_000;
    least = Math.min(least, i - allowed);
    most = Math.max(most, i + 1 - allowed - least - ratePerSecond);
  });
  // A clock of whole milliseconds.
  return most < 0.05 ? 0 : most;
}

function missing(accepted: readonly Asked[], deliveries: readonly Delivered[]): string[] {
  const told = new Set(
    deliveries.filter((one) => one.accepted).map(({ id, type }) => `${id} ${type}`),
  );
  return accepted
    .filter(({ webhook, last }) => webhook && last !== null)
    .filter(({ ids, last, kind }) => {
      const type = `${kind === 'batch' ? 'batch' : 'job'}.${last?.status}`;
      return ![...ids].some((id) => told.has(`${id} ${type}`));
    })
    .map((one) => `${name(one)} ${one.last?.status}`);
}

/** The provider’s clock and the run’s differ by some milliseconds: each process counts from its own start, and the machine’s clock is set meanwhile. */
const CLOCKS_MS = 50;

/** Whether a fault may have cost a call its answer: it was done to who made it or whom it asked, while the answer was not safe. */
function explains(fault: Done, call: Called, until: number): boolean {
  const { callers, accounts } = fault.touched;
  return (
    fault.from <= until &&
    fault.to + CLOCKS_MS >= call.at &&
    (callers === 'all' || (call.pid !== null && callers.includes(call.pid))) &&
    (accounts === 'all' || accounts.includes(call.account))
  );
}

/** Calls beyond a job's first. One is explained by a fault that may have cost the call before it its answer. */
function extraCalls({ calls, faults }: Evidence): { what: string; explained: boolean }[] {
  const ofJobs = calls.filter(({ tag }) => tag !== null && tag !== 'canary');
  return [...grouped(ofJobs, ({ tag }) => tag as string)].flatMap(([tag, own]) => {
    const sorted = own.toSorted((one, other) => one.at - other.at);
    return sorted.slice(1).map((call, i) => {
      const before = sorted[i] as Called;
      const until = (before.endedAt ?? call.at) + STORING_MS;
      const explained = faults.some((fault) => explains(fault, before, until));
      const what = `${tag}: called again ${Math.round(call.at - before.at)} ms after a call at ${Math.round(before.at)} by ${before.pid} to ${before.account} that ended ${before.end}`;
      return { what, explained };
    });
  });
}

/** How soon calls that a fault cut off were made again, ms: the calls that ended while it lasted and were not answered. */
export function resumed(calls: readonly Called[], fault: Done): number[] {
  const { from, to } = fault;
  const after = 500;
  return [...grouped(calls, ({ tag }) => tag ?? '')].flatMap(([tag, own]) => {
    if (tag === '' || tag === 'canary') return [];
    const sorted = own.toSorted((one, other) => one.at - other.at);
    return sorted.flatMap((call, i) => {
      const next = sorted[i + 1];
      const cutOff =
        call.end === 'aborted' &&
        call.endedAt !== null &&
        call.endedAt >= from &&
        call.endedAt <= to + after &&
        explains(fault, call, call.endedAt);
      return cutOff && next ? [Math.max(0, next.at - to)] : [];
    });
  });
}
