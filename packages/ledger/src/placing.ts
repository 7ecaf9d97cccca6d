/**
 * Moves of jobs and chunks towards a deployment. Each is one fenced compare-and-set; the queue entry is added after it.
 * A move that was made before is repeated as the record states it, never chosen anew.
 */
import { slotOf } from '@sluice/job';
import { isChunkId, SLOT_NUMBERS } from './keys.ts';
import { run } from './ledger.ts';
import type { Ledger, ScriptArgument } from './ledger.ts';
import { fieldsOf, tagged } from './reply.ts';

/** Of an entry placed with the arm of a `split`, or the region, that it was meant for; else the name of that one stands there. */
export const AS_WANTED = '=';

export interface Move {
  id: string;
  /** The epoch in which the mover saw the record. */
  epoch: number;
  deployment: string;
  tier: number;
  /** Output tokens that an answer to it is expected to have; absent = nobody knows. */
  expects?: number | null;
  /** See {@link AS_WANTED}; absent = its pool compares no arms. */
  arm?: string;
  /** When the sweeper looks after it; its deadline when that comes first. */
  checkAt: number;
  leaderToken: number;
  now: number;
}

export type Moved =
  | { kind: 'moved'; epoch: number }
  | { kind: 'moved_before'; epoch: number; deployment: string }
  | { kind: 'gone' }
  | { kind: 'called'; untilMs: number }
  | { kind: 'not_leader' };

export async function placeEntry(ledger: Ledger, move: Move): Promise<Moved> {
  const { keys } = ledger;
  const slot = slotOf(move.id);
  const reply = await run(
    ledger,
    'place-entry',
    [
      keys.entry(move.id),
      keys.check(slot),
      keys.leaderSeen(slot),
      ...(isChunkId(move.id) ? [] : [keys.backlog(slot), keys.backlogPools(slot)]),
    ],
    [
      move.id,
      move.epoch,
      move.deployment,
      move.tier,
      move.checkAt,
      move.leaderToken,
      move.now,
      move.expects ?? '',
      move.arm ?? '',
    ],
  );
  const [tag, epoch, deployment] = tagged(reply);
  switch (tag) {
    case 1:
      return { kind: 'moved', epoch: Number(epoch) };
    case 2:
      return { kind: 'moved_before', epoch: Number(epoch), deployment: String(deployment) };
    case -2:
      return { kind: 'called', untilMs: Number(epoch) };
    case -1:
      return { kind: 'not_leader' };
    default:
      return { kind: 'gone' };
  }
}

/** A line as a chunk carries it: [line, offset, length, characters, max output or -1]. */
export type LineRef = [number, number, number, number, number];

/** What a failed line brings along to its next chunk. Attempts are JSON objects, comma-separated. */
export interface LineHistory {
  tries: number;
  attempts: string;
  /** When the attempt before ended, ms. */
  since: number;
}

export interface NewChunk {
  id: string;
  batch: string;
  /** Whose turn it is when it waits by itself. */
  tenant: string;
  pool: string;
  /** '' = waits for a placement (a fallback). */
  deployment: string;
  tier: number;
  /** As for {@link Move}; of a line of it. */
  expects?: number | null;
  /** As for {@link Move}. */
  arm?: string;
  /** The lot that its lines drew, where their pool goes by one that stays; absent = none. */
  lot?: number | null;
  epoch: number;
  lines: LineRef[];
  /** Of all of its lines, as 32 bits; absent = they go by none. */
  key?: number | null;
  formats: number;
  priority: string;
  createdAt: number;
  /** No line of it is called after this, ms: the end of its batch's window. */
  deadlineAt: number;
  /** By place; absent for lines that were never tried. */
  history?: LineHistory[];
  /** Deployments that failed these lines. */
  exclude?: string[];
  minTier?: number;
  maxTier?: number | null;
}

export function chunkFields(chunk: NewChunk): string[] {
  return fieldsOf({
    status: 'queued',
    epoch: chunk.epoch,
    batch: chunk.batch,
    tenant: chunk.tenant,
    pool: chunk.pool,
    deployment: chunk.deployment,
    tier: chunk.tier,
    expects: chunk.expects ?? '',
    arm: chunk.arm ?? '',
    left: chunk.lines.length,
    lines: JSON.stringify(chunk.lines),
    ...(chunk.key !== undefined && { key: chunk.key }),
    formats: chunk.formats,
    priority: chunk.priority,
    created: chunk.createdAt,
    deadline: chunk.deadlineAt,
    history: chunk.history ? JSON.stringify(chunk.history) : '',
    exclude: chunk.exclude?.length ? JSON.stringify(chunk.exclude) : '',
    min_tier: chunk.minTier ?? 1,
    max_tier: chunk.maxTier,
    ...((chunk.lot ?? null) !== null && { lot: chunk.lot }),
  });
}

export interface Feed {
  batch: string;
  class: number;
  cursor: number;
  newCursor: number;
  chunks: NewChunk[];
  checkAt: number;
  leaderToken: number;
}

/** Creates the chunks' records and advances the cursor. `moved`: the cursor stands elsewhere (a reply was lost): read it again. */
export async function feedChunks(
  ledger: Ledger,
  feed: Feed,
): Promise<'fed' | 'moved' | 'not_leader' | 'not_draining'> {
  const { keys } = ledger;
  const slot = slotOf(feed.batch);
  const args: ScriptArgument[] = [
    feed.leaderToken,
    feed.class,
    feed.cursor,
    feed.newCursor,
    feed.chunks.reduce((sum, chunk) => sum + chunk.lines.length, 0),
    Math.min(feed.checkAt, ...feed.chunks.map((chunk) => chunk.deadlineAt)),
  ];
  for (const chunk of feed.chunks) {
    const fields = chunkFields(chunk);
    args.push(chunk.id, fields.length, ...fields);
  }
  const reply = await run(
    ledger,
    'feed-chunks',
    [
      keys.batch(feed.batch),
      keys.check(slot),
      keys.chunks(feed.batch),
      keys.leaderSeen(slot),
      ...feed.chunks.map((chunk) => keys.chunk(chunk.id)),
    ],
    args,
  );
  const answers = { '1': 'fed', '0': 'moved', '-1': 'not_leader', '-2': 'not_draining' } as const;
  return answers[String(reply) as keyof typeof answers];
}

/** What the dispatcher needs to place an entry again. */
export interface Waiting {
  id: string;
  tenant: string;
  epoch: number;
  status: string;
  pool: string;
  deployment: string;
  priority: string;
  leaseUntil: number;
  createdAt: number;
  deadlineAt: number | null;
  batch: string | null;
  /** Lines of a chunk that have not left it; 1 of a job. */
  jobs: number;
  characters: number;
  maxOutput: number | null;
  formats: number;
  exclude: string[];
  minTier: number;
  maxTier: number | null;
  /** What keeps it together with others on one deployment; null = nothing. */
  owner: string | null;
  prefix: string | null;
  /** As for {@link NewChunk}; null of a job too. */
  lot: number | null;
  /** The same of a chunk, as 32 bits. */
  key: number | null;
  notBefore: number;
  /** The deployment that it shall not come to before `until`, ms, for too little is left of its day for it; null = none. */
  shunned: { deployment: string; until: number } | null;
  /** A worker gave it back unstarted: place it again at once. */
  handed: boolean;
}

const WAITING_FIELDS = [
  'tenant',
  'epoch',
  'status',
  'pool',
  'deployment',
  'priority',
  'lease',
  'created',
  'deadline',
  'batch',
  'lines',
  'left',
  'characters',
  'max_output',
  'formats',
  'exclude',
  'min_tier',
  'max_tier',
  'owner',
  'prefix',
  'lot',
  'key',
  'not_before',
  'handed',
  'shunned',
  'shunned_until',
] as const;

/** Reads an entry's record as placement sees it; null when it is gone. */
export async function readWaiting(ledger: Ledger, id: string): Promise<Waiting | null> {
  const values = await ledger.redis.hmget(ledger.keys.entry(id), ...WAITING_FIELDS);
  const hash = Object.fromEntries(WAITING_FIELDS.map((name, i) => [name, values[i] ?? '']));
  if (!hash['status']) return null;
  const weight = isChunkId(id) ? weightOfLines(hash) : weightOfJob(hash);
  const optional = (name: string): number | null => (hash[name] ? Number(hash[name]) : null);
  return {
    id,
    ...weight,
    tenant: hash['tenant'] ?? '',
    epoch: Number(hash['epoch']),
    status: hash['status'],
    pool: hash['pool'] ?? '',
    deployment: hash['deployment'] ?? '',
    priority: hash['priority'] ?? 'low',
    leaseUntil: Number(hash['lease'] || 0),
    createdAt: Number(hash['created'] || 0),
    deadlineAt: optional('deadline'),
    batch: hash['batch'] || null,
    formats: Number(hash['formats'] || 0),
    exclude: JSON.parse(hash['exclude'] || '[]') as string[],
    minTier: Number(hash['min_tier'] || 1),
    maxTier: optional('max_tier'),
    owner: hash['owner'] || null,
    prefix: hash['prefix'] || null,
    lot: optional('lot'),
    key: optional('key'),
    notBefore: Number(hash['not_before'] || 0),
    handed: hash['handed'] === '1',
    shunned: hash['shunned']
      ? { deployment: hash['shunned'], until: Number(hash['shunned_until'] || 0) }
      : null,
  };
}

type Weight = Pick<Waiting, 'jobs' | 'characters' | 'maxOutput'>;

const weightOfJob = (hash: Record<string, string>): Weight => ({
  jobs: 1,
  characters: Number(hash['characters'] || 0),
  maxOutput: hash['max_output'] ? Number(hash['max_output']) : null,
});

function weightOfLines({ lines: text, left }: Record<string, string>): Weight {
  const lines = JSON.parse(text || '[]') as LineRef[];
  const first = lines[0];
  return {
    jobs: left ? Number(left) : lines.length,
    characters: lines.reduce((sum, line) => sum + line[3], 0) / Math.max(1, lines.length),
    maxOutput: first === undefined || first[4] < 0 ? null : first[4],
  };
}

/** Open jobs, chunks and batches that nobody has looked after in time, oldest first. */
export async function readOverdue(
  ledger: Ledger,
  now: number,
  limitPerSlot: number,
): Promise<string[]> {
  const rows = await Promise.all(
    SLOT_NUMBERS.map((slot) =>
      ledger.redis.zrangebyscore(ledger.keys.check(slot), '-inf', now, 'LIMIT', 0, limitPerSlot),
    ),
  );
  return rows.flat();
}

/** Puts off the next look after an entry or batch. `at`, ms: at most its deadline, while that is still to come. */
export async function checkLater(ledger: Ledger, id: string, at: number): Promise<void> {
  await ledger.redis.zadd(ledger.keys.check(slotOf(id)), 'XX', at, id);
}

/** The same, unless it is to be looked after before that. */
export async function checkBy(ledger: Ledger, id: string, at: number): Promise<void> {
  await ledger.redis.zadd(ledger.keys.check(slotOf(id)), 'XX', 'LT', at, id);
}

/** Forgets an id whose record is gone. */
export async function forget(ledger: Ledger, id: string): Promise<void> {
  await ledger.redis.zrem(ledger.keys.check(slotOf(id)), id);
}

/** Takes a chunk out of a batch that ends early; `called` ones are left to finish. */
export async function dropChunk(
  ledger: Ledger,
  chunk: { id: string; batch: string },
  now: number,
): Promise<'dropped' | 'gone' | 'called'> {
  const { keys } = ledger;
  const reply = await run(
    ledger,
    'drop-chunk',
    [keys.chunk(chunk.id), keys.check(slotOf(chunk.id)), keys.chunks(chunk.batch)],
    [chunk.id, now],
  );
  return reply === 1 ? 'dropped' : reply === 0 ? 'gone' : 'called';
}

/** `checkAt`: when the sweeper looks after each of the new ones. */
export type Split = Pick<Move, 'id' | 'epoch' | 'checkAt' | 'leaderToken' | 'now'> & {
  batch: string;
};

/**
 * Each line of a chunk that has no place travels on in a chunk of its own, of epoch 0. `stays`: there is nothing to split by now,
 * or it is being called.
 */
export async function splitChunk(
  ledger: Ledger,
  { id, epoch, batch, checkAt, leaderToken, now }: Split,
): Promise<{ kind: 'split'; ids: string[] } | { kind: 'stays' } | { kind: 'not_leader' }> {
  const { keys } = ledger;
  const slot = slotOf(id);
  const reply = await run(
    ledger,
    'split-chunk',
    [
      keys.chunk(id),
      keys.check(slot),
      keys.chunks(batch),
      keys.leaderSeen(slot),
      keys.batch(batch),
    ],
    [id, epoch, leaderToken, now, checkAt],
  );
  const [tag, ...ids] = tagged(reply);
  if (tag === 1) return { kind: 'split', ids: ids.map(String) };
  return { kind: tag === -1 ? 'not_leader' : 'stays' };
}

/** Ids of a batch's chunks that are not yet recorded. */
export const openChunks = (ledger: Ledger, batchId: string): Promise<string[]> =>
  ledger.redis.smembers(ledger.keys.chunks(batchId));
