/**
 * POST /v1/batches with `dry_run`: the dispatcher reads the file as it would a batch's, and its answer is waited for. No batch
 * is made, no call; JSON lines in the body are removed again.
 */
import { roundUsd } from '@sluice/job';
import type { Fleet } from '@sluice/job';
import { askDryRun, forgetDryRun, readDryRunAnswer } from '@sluice/ledger';
import type {
  Assumption,
  Assumptions,
  DryRun,
  DryRunAnswer,
  EstimateRange as Range,
  MaybeAssumption,
  PoolEstimate,
} from '@sluice/ledger';
import { beyondQueue } from '../allowance.ts';
import type { Api } from '../api.ts';
import { errorsOf } from '../batch-object.ts';
import { refuse } from '../errors.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { ok } from '../http/message.ts';
import { newId } from '../idempotency.ts';
import { windowMs } from '../shapes/batch-request.ts';
import { outWords } from '../out-now.ts';
import type { BatchOrder } from '../submit-batch.ts';
import { checkWebhook } from '../submit-job.ts';
import { ceilingHint } from '../unpriced.ts';
import { changesOf } from '../wait-for.ts';

/** A client's own patience ends about here; a million short lines take half a minute. */
const MOST_WAIT_MS = 300_000;
const LOOK_AGAIN_MS = 5_000;

export async function dryRun(
  api: Api,
  request: ApiRequest,
  { order, storeName }: { order: BatchOrder; storeName: string },
): Promise<Reply> {
  checkWebhook(api, order.webhookUrl);
  const run: DryRun = {
    id: newId('batch'),
    tenant: request.caller.id,
    endpoint: order.endpoint,
    inputFileId: order.inputFileId,
    storeName,
    priority: order.priority,
    metadata: order.metadata,
    maxTier: order.maxTier,
    maxCostUsd: order.maxCostUsd,
    createdAt: request.now,
    expiresAt: request.now + (windowMs(order.completionWindow) as number),
  };
  try {
    await askDryRun(api.ledger, run);
    api.queues.addStep({ batch: run.id, step: 'dry_run' });
    const answer = await waitForAnswer(api, run.id, request.signal);
    if (answer !== null) return ok(await answered(api, request, { run, answer }));
    if (api.stopping.aborted) refuse('stopping');
    return refuse('dry_run_unfinished', { values: { seconds: MOST_WAIT_MS / 1000 } });
  } finally {
    await forgetDryRun(api.ledger, run.id).catch(() => undefined);
  }
}

async function waitForAnswer(
  api: Api,
  id: string,
  gone: AbortSignal,
): Promise<DryRunAnswer | null> {
  const signal = AbortSignal.any([gone, AbortSignal.timeout(MOST_WAIT_MS)]);
  for await (const _ of changesOf(api.watch, id, { signal, everyMs: LOOK_AGAIN_MS })) {
    const answer = await readDryRunAnswer(api.ledger, id);
    if (answer !== null) return answer;
  }
  return null;
}

/** What the dispatcher does not know is added: the limits of whoever asks, and who takes nothing now. */
async function answered(
  api: Api,
  { caller }: ApiRequest,
  { run, answer }: { run: DryRun; answer: DryRunAnswer },
) {
  const pools = Object.keys(answer.estimate.pools);
  const [beyond, out] = await Promise.all([
    beyondQueue(api, caller, answer.lines),
    outWords(api, { pools, maxTier: run.maxTier }),
  ]);
  const tooMany = beyond?.never
    ? [{ code: 'rate_limit_exceeded', message: `${beyond.says}.`, param: null, line: null }]
    : [];
  const notYet = beyond === null || beyond.never ? [] : [`${beyond.says}.`];
  const whole = { ...answer, errors: [...tooMany, ...answer.errors] };
  return dryRunObject(run, whole, {
    fleet: api.fleet,
    now: api.clock.now(),
    says: [...notYet, ...out],
  });
}

function dryRunObject(
  run: DryRun,
  { lines, badLines, errors, estimate }: DryRunAnswer,
  { fleet, now, says }: { fleet: Fleet; now: number; says: readonly string[] },
) {
  const { maxCostUsd } = run;
  const {
    assumed,
    idealMs,
    etaMs,
    pools,
    inputTokens,
    outputTokens,
    costUsd,
    hints = [],
  } = estimate;
  const hint = ceilingHint(fleet, { ...run, pools: Object.keys(pools) });
  const thrifty = new Set(estimate.thrifty);
  const doneAt = etaMs === null ? null : now + etaMs;
  return {
    object: 'batch.dry_run' as const,
    endpoint: run.endpoint,
    valid: errors.length === 0,
    lines,
    bad_lines: badLines,
    errors: errorsOf(errors),
    input_tokens: tokens(inputTokens),
    output_tokens: tokens(outputTokens),
    cost_usd: costUsd && mapped(costUsd, roundUsd),
    ideal_ms: idealMs,
    eta_ms: etaMs === null ? null : Math.round(etaMs),
    eta_at: doneAt === null ? null : Math.floor(doneAt / 1000),
    deadline:
      doneAt === null
        ? null
        : { meets: doneAt <= run.expiresAt, late_by_ms: Math.max(0, doneAt - run.expiresAt) },
    by_pool: Object.fromEntries(
      Object.entries(pools).map(([id, pool]) => {
        const saves: 'money' | 'time' = thrifty.has(id) ? 'money' : 'time';
        return [id, { ...poolObject(pool), saves }];
      }),
    ),
    says: [
      thrifty.size > 0 ? THRIFTY : QUICK,
      ...(hint === null ? [] : [hint]),
      ...ceilingWords({ maxCostUsd, costUsd, paid: estimate.paidLines }, lines - badLines),
      ...hints,
      ...says,
    ].join(' '),
    assumed: assumedObject(assumed),
  };
}

/** Where it may cost more than its ceiling: the figures are those of all lines. */
export function ceilingWords(
  about: { maxCostUsd: number | null; costUsd: Range | null; paid: Range | undefined },
  lines: number,
): string[] {
  const { maxCostUsd, costUsd, paid } = about;
  if (maxCostUsd === null || costUsd === null || paid === undefined) return [];
  if (costUsd.high <= maxCostUsd || paid.low >= lines) return [];
  const { low, likely, high } = mapped(paid, (of) => Math.min(lines, Math.floor(of)));
  const words =
    likely < lines
      ? `pays for about ${likely} of the ${lines} lines (${low} to ${high})`
      : `will probably pay for all ${lines} lines; should they become as dear as cost_usd.high, for ${low}`;
  return [
    `max_cost_usd of ${maxCostUsd} ${words}: the batch would pause there. The figures are those of all lines.`,
  ];
}

/** Which plan the figures are of. */
const QUICK =
  'cost_usd and eta_at are by the plan that takes the least time; ideal_ms is the shortest time there could be, with all limits to itself.';
const THRIFTY =
  'cost_usd and eta_at are by the plan that will be made: for pools that save money the cheapest that keeps the deadline; ideal_ms is the shortest time there could be, with all limits to itself and whatever it costs.';

export type DryRunObject = ReturnType<typeof dryRunObject>;

const poolObject = ({ lines, inputTokens, outputTokens, costUsd }: PoolEstimate) => ({
  lines,
  input_tokens: tokens(inputTokens),
  output_tokens: tokens(outputTokens),
  cost_usd: costUsd && mapped(costUsd, roundUsd),
});

const assumedObject = ({ outputTokens, deployments }: Assumptions) => ({
  output_tokens: Object.fromEntries(
    Object.entries(outputTokens).map(([id, each]) => [id, rounded(each)]),
  ),
  deployments: Object.fromEntries(
    Object.entries(deployments).map(([id, { charsPerToken, maxTokens, latencyMs }]) => [
      id,
      {
        chars_per_token: rounded(charsPerToken),
        max_tokens: maxTokens,
        latency_ms: rounded(latencyMs),
      },
    ]),
  ),
});

const rounded = <T extends Assumption | MaybeAssumption>({ value, from }: T) => ({
  value: (value === null ? null : Number(value.toFixed(2))) as T['value'],
  from,
});

const mapped = ({ low, likely, high }: Range, by: (end: number) => number): Range => ({
  low: by(low),
  likely: by(likely),
  high: by(high),
});

const tokens = (range: Range): Range => mapped(range, Math.round);
