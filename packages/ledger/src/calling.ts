/** What a worker does with an entry: claim it, keep its lease, store the answers, or hand it back. */
import { slotOf } from '@sluice/job';
import type { Shape } from '@sluice/job';
import { isChunkId } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger, ScriptArgument } from './ledger.ts';
import type { LineHistory, LineRef } from './placing.ts';
import { tagged } from './reply.ts';

export interface Claim {
  id: string;
  epoch: number;
  /** Names this delivery: another one of the same entry, also to the same process, waits for the lease. */
  holder: string;
  now: number;
  leaseMs: number;
}

interface Claimed {
  kind: 'job' | 'chunk';
  /** The delivery before died or lost its lease: calls of unanswered places may have been made. */
  lostBefore: boolean;
  pool: string;
  priority: string;
  createdAt: number;
  tier: number;
  /** Output tokens that an answer is expected to have, as placement knew it; null = nobody knows. */
  expects: number | null;
  /** The arm or region it should have been, or AS_WANTED; '' = its pool compares none. */
  arm: string;
  /** Nothing of it begins after this, ms. */
  deadlineAt: number;
}

/** A single job as a worker gets it. `answered`: its outcome is stored already, nothing to call. */
export interface ClaimedJob extends Claimed {
  kind: 'job';
  endpoint: string;
  body: string;
  shape: Shape;
  answered: boolean;
  /** When the attempt before ended, ms; 0 = there was none. */
  since: number;
}

export interface ClaimedChunk extends Claimed {
  kind: 'chunk';
  batch: string;
  lines: LineRef[];
  history: LineHistory[];
  /** Places whose outcome is stored already. */
  answered: Set<number>;
}

export type ClaimResult =
  | { kind: 'claimed'; entry: ClaimedJob | ClaimedChunk }
  | { kind: 'drop' }
  | { kind: 'held'; forMs: number };

const SHARED_FIELDS = [
  'pool',
  'priority',
  'created',
  'tier',
  'expects',
  'arm',
  'deadline',
] as const;
const JOB_FIELDS = [
  ...SHARED_FIELDS,
  'endpoint',
  'body',
  'characters',
  'max_output',
  'inputs',
  'd0',
  'since',
] as const;
const CHUNK_FIELDS = [...SHARED_FIELDS, 'batch', 'lines', 'history', 'left'] as const;

type Fields<Names extends readonly string[]> = Record<Names[number], string>;

const fieldsByName = <Names extends readonly string[]>(names: Names, values: unknown[]) =>
  Object.fromEntries(names.map((name, i) => [name, values[i]])) as Fields<Names>;

/** Takes an entry. `drop`: it has moved on, has ended or is past its deadline. `held`: another delivery's calls still live. */
export async function claimEntry(ledger: Ledger, claim: Claim): Promise<ClaimResult> {
  const { keys } = ledger;
  const chunk = isChunkId(claim.id);
  const reply = await run(
    ledger,
    'claim-entry',
    [keys.entry(claim.id), keys.check(slotOf(claim.id))],
    [
      claim.id,
      claim.epoch,
      claim.holder,
      claim.now,
      claim.leaseMs,
      chunk ? '' : keys.changes,
      ...(chunk ? CHUNK_FIELDS : JOB_FIELDS),
    ],
  );
  const [tag, claims, handed, ...values] = tagged(reply);
  if (tag === 0) return { kind: 'drop' };
  if (tag === -1) return { kind: 'held', forMs: Number(claims) };
  const before = { claims: Number(claims), lost: Number(claims) > 0 && handed === '' };
  if (!chunk) return { kind: 'claimed', entry: jobOf(before, fieldsByName(JOB_FIELDS, values)) };
  const fields = fieldsByName(CHUNK_FIELDS, values);
  return { kind: 'claimed', entry: await chunkOf(ledger, claim.id, { before, fields }) };
}

interface Before {
  claims: number;
  lost: boolean;
}

const claimedOf = (before: Before, fields: Fields<typeof SHARED_FIELDS>) => ({
  lostBefore: before.lost,
  pool: fields.pool,
  priority: fields.priority,
  createdAt: Number(fields.created),
  tier: Number(fields.tier || 1),
  expects: fields.expects === '' ? null : Number(fields.expects),
  arm: fields.arm,
  deadlineAt: fields.deadline === '' ? Infinity : Number(fields.deadline),
});

const jobOf = (before: Before, fields: Fields<typeof JOB_FIELDS>): ClaimedJob => ({
  kind: 'job',
  ...claimedOf(before, fields),
  endpoint: fields.endpoint,
  body: fields.body,
  shape: {
    characters: Number(fields.characters || 0),
    maxOutput: fields.max_output === '' ? null : Number(fields.max_output),
    inputs: Number(fields.inputs || 1),
  },
  answered: fields.d0 !== '',
  since: Number(fields.since || 0),
});

async function chunkOf(
  ledger: Ledger,
  id: string,
  { before, fields }: { before: Before; fields: Fields<typeof CHUNK_FIELDS> },
): Promise<ClaimedChunk> {
  const lines = JSON.parse(fields.lines) as LineRef[];
  const fresh = before.claims === 0 && Number(fields.left) === lines.length;
  return {
    kind: 'chunk',
    ...claimedOf(before, fields),
    batch: fields.batch,
    lines,
    history: fields.history === '' ? [] : (JSON.parse(fields.history) as LineHistory[]),
    answered: fresh ? new Set() : await answeredPlaces(ledger, id, lines.length),
  };
}

/** A redelivered chunk: which of its places have an outcome stored (d) or recorded (r). */
async function answeredPlaces(ledger: Ledger, id: string, count: number): Promise<Set<number>> {
  const places = Array.from({ length: count }, (_, place) => place);
  const fields = places.flatMap((place) => [`d${place}`, `r${place}`]);
  const values = await ledger.redis.hmget(ledger.keys.chunk(id), ...fields);
  return new Set(
    places.filter((place) => values[2 * place] !== null || values[2 * place + 1] !== null),
  );
}

export interface HeldLease {
  id: string;
  holder: string;
  /** All of its calls have waited for their booking since the renewal before. */
  waits?: boolean;
}

/** Leases in one script: it holds Redis for about a millisecond. */
const MOST_RENEWED_AT_ONCE = 256;

/** `lost`: another delivery has the entry, or it is gone. `ended`: the job has ended, as when it was cancelled. */
export interface NotRenewed<Lease> {
  lost: Lease[];
  ended: Lease[];
}

/** Renews leases, slot by slot, all sent together. Returns those that were not. */
export async function renewLeases<Lease extends HeldLease>(
  ledger: Ledger,
  leases: readonly Lease[],
  leaseUntil: number,
): Promise<NotRenewed<Lease>> {
  const parts = await Promise.all(
    [...groupBySlot(leases)].flatMap(([slot, own]) =>
      chunksOf(own, MOST_RENEWED_AT_ONCE).map((some) =>
        renewInSlot(ledger, slot, { leases: some, leaseUntil }),
      ),
    ),
  );
  return { lost: parts.flatMap(({ lost }) => lost), ended: parts.flatMap(({ ended }) => ended) };
}

async function renewInSlot<Lease extends HeldLease>(
  ledger: Ledger,
  slot: number,
  { leases, leaseUntil }: { leases: readonly Lease[]; leaseUntil: number },
): Promise<NotRenewed<Lease>> {
  const names = [ledger.keys.check(slot), ...leases.map(({ id }) => ledger.keys.entry(id))];
  const args = [
    leaseUntil,
    ...leases.flatMap(({ id, holder, waits }) => [id, holder, waits ? '1' : '']),
  ];
  const reply = (await run(ledger, 'renew-leases', names, args)) as number[];
  return {
    lost: leases.filter((_, i) => reply[i] === 0),
    ended: leases.filter((_, i) => reply[i] === -1),
  };
}

/**
 * Hands an entry back before any of its calls was made; `checkAt` soon makes the sweeper place it again, until
 * `shunnedUntil` (Unix ms; 0 = no such wish) elsewhere than where it is.
 */
export async function handBack(
  ledger: Ledger,
  entry: { id: string; epoch: number; holder: string; shunnedUntil: number },
  checkAt: number,
): Promise<boolean> {
  const reply = await run(
    ledger,
    'hand-back',
    [ledger.keys.entry(entry.id), ledger.keys.check(slotOf(entry.id))],
    [entry.id, entry.epoch, entry.holder, checkAt, entry.shunnedUntil],
  );
  return reply === 1;
}

/** Outcomes of some places of one entry, as they go into the stream. */
export interface OutcomeItem {
  id: string;
  epoch: number;
  places: number[];
  /** Fields of the stream entry beside id and epoch. */
  fields: (string | Buffer)[];
}

/** Names a write. A writer has one under way at a time, and gives each a higher number than the one before, from 1. */
export interface Write {
  writer: string;
  id: number;
}

/** A write that is sent again after its reply was lost comes within this time. */
const WRITTEN_KEPT_S = 86_400;

/** Stores outcomes of one slot in one step. The same write sent again adds nothing, whatever became of them since. */
export async function storeOutcomes(
  ledger: Ledger,
  slot: number,
  items: readonly OutcomeItem[],
  write: Write,
): Promise<void> {
  const args: ScriptArgument[] = [write.id, WRITTEN_KEPT_S];
  for (const item of items) {
    args.push(
      item.id,
      item.epoch,
      item.places.length,
      ...item.places,
      item.fields.length,
      ...item.fields,
    );
  }
  const { keys } = ledger;
  const own = [keys.outcomes(slot), keys.written(slot, write.writer)];
  const names = [...own, ...items.map((item) => keys.entry(item.id))];
  await run(ledger, 'store-outcomes', names, args);
}

function groupBySlot<Entry extends { id: string }>(
  entries: readonly Entry[],
): Map<number, Entry[]> {
  const groups = new Map<number, Entry[]>();
  for (const entry of entries) {
    const slot = slotOf(entry.id);
    const group = groups.get(slot);
    if (group) group.push(entry);
    else groups.set(slot, [entry]);
  }
  return groups;
}

const chunksOf = <Item>(items: readonly Item[], most: number): Item[][] =>
  Array.from({ length: Math.ceil(items.length / most) }, (_, i) =>
    items.slice(i * most, (i + 1) * most),
  );

/** Asks whoever calls for these entries to abort their calls. Nobody may hear it. */
export async function abortCalls({ redis, keys }: Ledger, ids: readonly string[]): Promise<void> {
  await Promise.all(ids.map((id) => redis.publish(keys.aborts, id)));
}
