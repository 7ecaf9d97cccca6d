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
  /** Names this delivery: another delivery of the same entry waits for the lease. */
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
  deadlineAt: number;
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

const JOB_FIELDS = [
  'pool',
  'priority',
  'created',
  'tier',
  'endpoint',
  'body',
  'characters',
  'max_output',
  'inputs',
  'd0',
  'since',
  'deadline',
];
const CHUNK_FIELDS = ['pool', 'priority', 'created', 'tier', 'batch', 'lines', 'history', 'left'];

/** Takes an entry. `drop`: it has moved on or ended. `held`: another delivery's calls still live. */
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
  const texts = values as string[];
  const before = { claims: Number(claims), lost: Number(claims) > 0 && handed === '' };
  if (!chunk) return { kind: 'claimed', entry: jobOf(before, texts) };
  return { kind: 'claimed', entry: await chunkOf(ledger, claim.id, before, texts) };
}

interface Before {
  claims: number;
  lost: boolean;
}

function jobOf(before: Before, values: string[]): ClaimedJob {
  const [
    pool,
    priority,
    created,
    tier,
    endpoint,
    body,
    characters,
    maxOutput,
    inputs,
    answered,
    since,
    deadline,
  ] = values as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  return {
    kind: 'job',
    lostBefore: before.lost,
    pool,
    priority,
    createdAt: Number(created),
    tier: Number(tier || 1),
    endpoint,
    body,
    shape: {
      characters: Number(characters || 0),
      maxOutput: maxOutput === '' ? null : Number(maxOutput),
      inputs: Number(inputs || 1),
    },
    answered: answered !== '',
    since: Number(since || 0),
    deadlineAt: Number(deadline || 0),
  };
}

async function chunkOf(
  ledger: Ledger,
  id: string,
  before: Before,
  values: string[],
): Promise<ClaimedChunk> {
  const [pool, priority, created, tier, batch, text, history, left] = values as [
    string,
    string,
    string,
    string,
    string,
    string,
    string,
    string,
  ];
  const lines = JSON.parse(text) as LineRef[];
  const fresh = before.claims === 0 && Number(left) === lines.length;
  return {
    kind: 'chunk',
    lostBefore: before.lost,
    pool,
    priority,
    createdAt: Number(created),
    tier: Number(tier || 1),
    batch,
    lines,
    history: history === '' ? [] : (JSON.parse(history) as LineHistory[]),
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

/** Renews leases of one slot's entries. Returns the ids whose lease is lost. */
export async function renewLeases(
  ledger: Ledger,
  holder: string,
  ids: readonly string[],
  leaseUntil: number,
): Promise<string[]> {
  const bySlot = groupBySlot(ids);
  const lost = await Promise.all(
    [...bySlot].map(async ([slot, own]) => {
      const names = [ledger.keys.check(slot), ...own.map(ledger.keys.entry)];
      const reply = (await run(ledger, 'renew-leases', names, [
        holder,
        leaseUntil,
        ...own,
      ])) as number[];
      return own.filter((_, i) => reply[i] !== 1);
    }),
  );
  return lost.flat();
}

/** Hands an entry back before any of its calls was made; `checkAt` soon makes the sweeper place it again. */
export async function handBack(
  ledger: Ledger,
  entry: { id: string; epoch: number; holder: string },
  checkAt: number,
): Promise<boolean> {
  const reply = await run(
    ledger,
    'hand-back',
    [ledger.keys.entry(entry.id), ledger.keys.check(slotOf(entry.id))],
    [entry.id, entry.epoch, entry.holder, checkAt],
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

/** Stores outcomes of one slot in one step. `writeId` makes sending the same write twice harmless. */
export async function storeOutcomes(
  ledger: Ledger,
  slot: number,
  items: readonly OutcomeItem[],
  writeId: string,
): Promise<void> {
  const args: ScriptArgument[] = [writeId];
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
  const names = [ledger.keys.outcomes(slot), ...items.map((item) => ledger.keys.entry(item.id))];
  await run(ledger, 'store-outcomes', names, args);
}

function groupBySlot(ids: readonly string[]): Map<number, string[]> {
  const groups = new Map<number, string[]>();
  for (const id of ids) {
    const slot = slotOf(id);
    const group = groups.get(slot);
    if (group) group.push(id);
    else groups.set(slot, [id]);
  }
  return groups;
}
