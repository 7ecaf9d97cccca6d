/** Why the lines of a batch that are not fed to any deployment's queue yet stay where they are. */
import { MISSING_MS, readStepTrouble, readUnread, readWritingTrouble } from '@sluice/ledger';
import type { StepTrouble, StoredBatch, Unread } from '@sluice/ledger';
import type { Api } from './api.ts';
import type { Blocked } from './batch-object.ts';
import { shapesOf } from './too-large.ts';
import { inWords, whyHeld, whyWaiting } from './waiting.ts';
import type { Waiting } from './waiting.ts';

type Ports = Pick<Api, 'clock' | 'figures' | 'fleet' | 'ledger'>;

/**
 * Of the batch as a whole; null = nothing but the limits of deployments, or that some of them take nothing, which `sluice.blocked`
 * tells of. `underWay`: whether lines of it are.
 */
export async function whyUnfed(
  ports: Ports,
  batch: StoredBatch,
  underWay: boolean,
): Promise<string | null> {
  if (batch.status === 'in_progress' && batch.paused) return pausedWords(batch);
  const trouble = await whyTroubled(ports, batch);
  if (trouble !== null) return trouble;
  if (batch.status !== 'in_progress') return null;
  const pools = unfedPools(batch);
  if (pools.length === 0) return whyUnpaidAgain(batch);
  const held = await whyHeld(ports, batch.tenant);
  if (held) return held.reason;
  const stuck = await whyStuck(ports, batch);
  if (stuck !== null) return stuck;
  const large = await whyTooLarge(ports, batch);
  if (large !== null) return large;
  const unpaid = whyUnpaid(batch) ?? whyUnpaidAgain(batch);
  if (unpaid !== null) return unpaid;
  return underWay ? null : whyBehind(ports, batch, pools);
}

/** What goes wrong with its files or steps, whatever it is at. */
async function whyTroubled(
  { clock, ledger }: Ports,
  { id, status }: StoredBatch,
): Promise<string | null> {
  const [unread, step, writing] = await Promise.all([
    readUnread(ledger, id, clock.now()),
    readStepTrouble(ledger, id),
    status === 'validating' ? null : readWritingTrouble(ledger),
  ]);
  if (unread !== null) return unreadWords(unread);
  if (writing !== null) return unwrittenWords(writing);
  return step === null ? null : failedWords(step);
}

/** What whoever runs Sluice can do about it, by the code of the error. */
const ADVICE: Readonly<Record<string, string>> = {
  ENOSPC: '; free space there',
  EDQUOT: '; free space there',
  EROFS: '; make it writable',
  EACCES: '; make it writable',
  EPERM: '; make it writable',
};

const adviceOn = (error: string): string => ADVICE[/^E[A-Z]+/.exec(error)?.[0] ?? ''] ?? '';

/** Nothing is lost: what was answered waits in Redis, as much as may be under way, and no more is called. */
const unwrittenWords = (error: string): string =>
  `results cannot be written to the file store, and are tried again: ${error}${adviceOn(error)}`;

const STEPS: Readonly<Record<string, string>> = {
  validate: 'checking its file',
  finalise: 'writing its files',
  wind_down: 'ending it',
};

const failedWords = ({ step, error, since }: StepTrouble): string =>
  `${STEPS[step] ?? step} fails since ${new Date(since).toISOString()}, and is tried again: ${error}${adviceOn(error)}`;

/** Results are waited for without end: they were paid for. */
export function unreadWords({ file, missingSince }: Pick<Unread, 'file' | 'missingSince'>): string {
  if (missingSince === null)
    return `${file} cannot be read from the file store now; it is tried again`;
  const missing = `${file} is missing from the file store; it is looked for again`;
  if (file.startsWith('batches/')) return `${missing} until it is there`;
  const until = new Date(missingSince + MISSING_MS).toISOString();
  return `${missing} and counts as gone after ${until}`;
}

/** Of a line that is not fed; `pool` '' = not known yet. */
export async function whyLineUnfed(
  ports: Ports,
  batch: StoredBatch,
  { pool, underWay }: { pool: string; underWay: boolean },
): Promise<Waiting | null> {
  if (batch.status === 'validating') return told('its batch is still being read and checked');
  if (batch.status !== 'in_progress') return null;
  if (batch.paused) return told(pausedWords(batch));
  const { maxTier } = batch;
  const of = batch.classes.filter((one) => one.pool === pool);
  const shapes = of.flatMap(shapesOf);
  const formats = of.length > 0 ? { formats: formatsOf(of) } : {};
  const wants = { pool, maxTier, deployment: null, ...formats };
  const stuck = pool === '' ? null : await whyWaiting(ports, wants, shapes);
  if (stuck !== null) return stuck;
  const reason = await whyUnfed(ports, batch, underWay);
  return reason === null ? null : told(reason);
}

const told = (reason: string): Waiting => ({ reason, deployments: [] });

/** A ceiling that is spent stays when its owner ends a pause of his own. */
export function pausedWords({
  id,
  pausedReason,
  maxCostUsd,
  costUsd,
}: Pick<StoredBatch, 'id' | 'pausedReason' | 'maxCostUsd' | 'costUsd'>): string {
  if (pausedReason !== null) return `the batch is paused: ${pausedReason}`;
  const resume = `the batch is paused: POST /v1/batches/${id}/resume`;
  return maxCostUsd !== null && costUsd >= maxCostUsd
    ? `${resume} ends that pause, and it is then paused at its max_cost_usd, which is spent (${costUsd.toFixed(4)} of ${maxCostUsd}); a resume with a higher max_cost_usd goes on to that, another resume from there without any limit`
    : `${resume} goes on with it`;
}

/** All formats that can say a line of one of them. */
const formatsOf = (classes: StoredBatch['classes']): number =>
  classes.reduce((all, { formats }) => all | formats, 0);

/** None of its lines that are not fed has a deployment that takes calls. */
async function whyStuck(ports: Ports, batch: StoredBatch): Promise<string | null> {
  const { classes, cursors, maxTier } = batch;
  const reasons = new Set<string>();
  for (const [i, { pool, formats, jobs }] of classes.entries()) {
    if ((cursors[i] ?? 0) >= jobs) continue;
    const stuck = await whyWaiting(ports, { pool, maxTier, deployment: null, formats });
    if (stuck === null) return null;
    const { reason, deployments } = stuck;
    reasons.add(deployments.length === 0 ? reason : `${reason} (${inWords(stuck)})`);
  }
  return [...reasons].join('; ');
}

/** Lines that are not fed, of classes that are too large for every deployment that takes calls, and why. */
async function whyTooLarge(
  ports: Ports,
  { classes, cursors, maxTier }: StoredBatch,
): Promise<string | null> {
  let lines = 0;
  const reasons = new Set<string>();
  for (const [i, one] of classes.entries()) {
    const unfed = one.jobs - (cursors[i] ?? 0);
    const wants = { pool: one.pool, maxTier, deployment: null, formats: one.formats };
    if (unfed <= 0 || (await whyWaiting(ports, wants)) !== null) continue;
    const stuck = await whyWaiting(ports, wants, shapesOf(one));
    if (stuck === null) continue;
    lines += unfed;
    reasons.add(inWords(stuck));
  }
  const many = lines === 1 ? '1 line is' : `${lines} lines are`;
  return lines === 0 ? null : `${many} too large to be sure of: ${[...reasons].join('; ')}`;
}

/** What is left of its ceiling probably does not pay for all its lines, as the dispatcher reckons it. */
export function whyUnpaid({
  maxCostUsd,
  costUsd,
  completed,
  failed,
  total,
  paidLines,
}: Pick<StoredBatch, 'maxCostUsd' | 'costUsd' | 'completed' | 'failed' | 'total' | 'paidLines'>):
  | string
  | null {
  if (maxCostUsd === null || paidLines === null || paidLines >= total) return null;
  const leftUsd = Math.max(0, maxCostUsd - costUsd);
  const ended = completed + failed;
  const lines = Math.max(0, paidLines - ended);
  return `max_cost_usd: ${inUsd(leftUsd)} of ${maxCostUsd} USD are left, which probably pay for ${lines} of its ${total - ended} open lines, the more of them at the cheaper deployments the less is left; it pauses there, and no more lines are under way at a time than that pays for if they become as dear as they can`;
}

/** Lines of it that are to be called again, as the dispatcher told of them, wait for what is left of its ceiling. */
export function whyUnpaidAgain({
  id,
  maxCostUsd,
  costUsd,
  unpaidAgain,
}: Pick<StoredBatch, 'id' | 'maxCostUsd' | 'costUsd' | 'unpaidAgain'>): string | null {
  if (maxCostUsd === null || unpaidAgain === null) return null;
  const { lines, usd } = unpaidAgain;
  const left = inUsd(Math.max(0, maxCostUsd - costUsd));
  const many = lines === 1 ? '1 line that is' : `${lines} lines that are`;
  const wait = lines === 1 ? 'waits' : 'wait';
  return `max_cost_usd: ${left} of ${maxCostUsd} USD are left, and part of that is kept for lines under way: ${many} to be called again, for at most ${inUsd(usd)} USD where that is cheapest, ${wait} for what those leave. POST /v1/batches/${id}/resume with a higher max_cost_usd in its body (null = without any) goes on at once`;
}

/** Deployments that its ceiling leaves out while so little of it is left, as the dispatcher told of them, and why. */
export function leftOutBy({
  id,
  paused,
  maxCostUsd,
  costUsd,
  unpaidAt,
}: Pick<StoredBatch, 'id' | 'paused' | 'maxCostUsd' | 'costUsd' | 'unpaidAt'>): Blocked[] {
  if (maxCostUsd === null || paused) return [];
  const left = inUsd(Math.max(0, maxCostUsd - costUsd));
  const reason = `left out by max_cost_usd: ${left} of ${maxCostUsd} USD are left, and cheaper deployments have that first. POST /v1/batches/${id}/resume with a higher max_cost_usd in its body (null = without any) has lines go here again`;
  return unpaidAt.map((deployment) => ({ deployment, reason }));
}

const inUsd = (usd: number): string => usd.toFixed(usd < 1 ? 6 : 2);

/** Pools of lines that are not fed. */
const unfedPools = ({ classes, cursors }: StoredBatch): string[] => [
  ...new Set(classes.flatMap(({ pool, jobs }, i) => ((cursors[i] ?? 0) < jobs ? [pool] : []))),
];

/** In each of these pools another batch of its tenant has the next turn. */
async function whyBehind(
  { figures }: Ports,
  { id, tenant, priority }: StoredBatch,
  pools: readonly string[],
): Promise<string | null> {
  const rows = (await figures.firstInTurn()).filter(
    (row) => row.tenant === tenant && row.priority === priority && pools.includes(row.pool),
  );
  if (rows.length < pools.length || rows.some(({ batch }) => batch === id)) return null;
  const first = [...new Set(rows.map(({ batch }) => batch))].join(', ');
  return `${first} of the same tenant goes first: of its batches the one with the earliest deadline, of equals the oldest`;
}
