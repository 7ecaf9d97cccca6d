/**
 * Every Redis key of the ledger is made here. `{j<n>}` is a hash tag: what one script touches lives under one
 * tag, so the same keys serve a Redis Cluster. n is the slot that every id carries.
 *
 *   <p>:{jN}:job:<id>           hash    a single job: request, state, attempts, result
 *   <p>:{jN}:batch:<id>         hash    a batch: request, state, counters, one cursor per class
 *   <p>:{jN}:seen:<batch>       bitmap  lines that are recorded
 *   <p>:{jN}:extents:<batch>    list    committed ranges of the batch's segments, in recording order
 *   <p>:{jN}:unread:<batch>     hash    files of the batch that cannot be read just now (unread.ts)
 *   <p>:{jN}:trouble:<batch>    string  a step of the batch that failed and is tried again (step-trouble.ts)
 *   <p>:{jN}:chunk:<id>         hash    lines of a batch that travel as one entry
 *   <p>:{jN}:chunks:<batch>     set     chunks of a batch that are not yet recorded
 *   <p>:{jN}:check              zset    open jobs, chunks and batches by the time to look after them, ms
 *   <p>:{jN}:backlog            zset    single jobs that were never placed (backlog.ts)
 *   <p>:{jN}:backlog_pools      hash    how many of them by pool
 *   <p>:{jN}:list:<kind>:<tenant>       zset  a tenant's jobs, batches, files or endpoints: ids by creation, ms (lists.ts)
 *   <p>:{jN}:listed:<kind>      zset    tenants that have such a list, by their newest row, ms
 *   <p>:{jN}:file:<id>, upload:<id>     hashes
 *   <p>:{jN}:loose              zset    files and uploads whose bytes may belong to nothing, by the time to look, ms
 *   <p>:{jN}:expiries           zset    files, open uploads and ended batches by the time they lapse, ms
 *   <p>:{jN}:dry:<id>, dried:<id>       strings  what a dry run asks, and its answer
 *   <p>:{jN}:idem:<hash>        string  what an Idempotency-Key made
 *   <p>:{jN}:outcomes           stream  outcomes that wait to be recorded
 *   <p>:{jN}:written:<writer>   string  number of a writer's last write of outcomes
 *   <p>:{jN}:outbox             stream  webhook events that wait for the relay
 *   <p>:{jN}:listeners          set     tenants with a webhook endpoint, the same in every slot
 *   <p>:{jN}:endpoint:<id>      hash    a webhook endpoint
 *   <p>:{jN}:deliveries:<endpoint>      zset    deliveries to it by creation, ms
 *   <p>:{jN}:delivery:<id>      hash    one of them; its attempts are a list beside it
 *   <p>:{jN}:leader             string  highest leader token seen by this slot
 *   <p>:{jN}:usage:<hour>       hash    what was used in an hour since 1970 (count-usage.lua)
 *   <p>:{jN}:recorder           string  who records the outcomes of this slot now (a lease)
 *   <p>:{t:<tenant>}:…                  what its limits are counted by (tenants.ts)
 *   <p>:{ctl}:arms:<pool>:<of its strategy>   hash  how the arms of a pool compare (arms.ts)
 *   <p>:{ctl}:files, files:making      strings  the mark of the file store (same-files.ts)
 *   <p>:{ctl}:files:trouble            string  why results cannot be written to it (writing-trouble.ts)
 *   <p>:{ctl}:…                         leader lease, health of deployments, figures of pools, plan, turns of tenants, who is at a limit, whose batch goes first, lengths of answers
 */
import type { Redis } from 'ioredis';
import { SLOTS, slotOf } from '@sluice/job';

export type ListKind = 'jobs' | 'batches' | 'files' | 'endpoints';

/** Names the list that an object stands in, in the slot of its id. */
export interface ListOf {
  kind: ListKind;
  tenant: string;
}

interface TenantKeys extends Record<
  'allowance' | 'open' | 'lines' | 'spent' | 'endpoints',
  string
> {
  /** What a process took that may be sent again. */
  taken: (taker: string) => string;
}

export interface Keys {
  prefix: string;
  job: (id: string) => string;
  batch: (id: string) => string;
  seen: (batchId: string) => string;
  extents: (batchId: string) => string;
  unread: (batchId: string) => string;
  stepTrouble: (batchId: string) => string;
  chunk: (id: string) => string;
  chunks: (batchId: string) => string;
  /** The record behind an entry: a job's or a chunk's. */
  entry: (id: string) => string;
  dryRun: (id: string) => string;
  dryRunAnswer: (id: string) => string;
  file: (id: string) => string;
  upload: (id: string) => string;
  parts: (uploadId: string) => string;
  list: (list: ListOf, slot: number) => string;
  /** What the names of a kind's lists begin with, before the tenant. */
  lists: (kind: ListKind, slot: number) => string;
  /** Tenants with a list of the kind. */
  listed: (kind: ListKind, slot: number) => string;
  check: (slot: number) => string;
  backlog: (slot: number) => string;
  backlogPools: (slot: number) => string;
  looseBytes: (slot: number) => string;
  expiries: (slot: number) => string;
  idempotency: (slot: number, hash: string) => string;
  outcomes: (slot: number) => string;
  written: (slot: number, writer: string) => string;
  outbox: (slot: number) => string;
  listeners: (slot: number) => string;
  endpoint: (id: string) => string;
  deliveries: (endpointId: string) => string;
  delivery: (id: string) => string;
  deliveryAttempts: (id: string) => string;
  leaderSeen: (slot: number) => string;
  tenant: (id: string) => TenantKeys;
  recorder: (slot: number) => string;
  usage: (slot: number, hour: number) => string;
  leader: string;
  /** Which life of the data this is: random text, made by whoever finds none. */
  dataMark: string;
  /** The mark of the file store that this Redis's files lie in, and who makes one now (same-files.ts). */
  storeMark: string;
  storeMarkMaking: string;
  /** Why results cannot be written to the file store; absent = they can (writing-trouble.ts). */
  writingTrouble: string;
  health: string;
  /** What the leader says of the pools, as JSON. */
  pools: string;
  /** Tenants whose work waits for a limit of their own, as the leader says it; JSON. */
  atLimit: string;
  /** By tenant, priority and pool the batch that has the next turn, where others wait behind it; as the leader says it; JSON. */
  firstInTurn: string;
  /** `strategy`: stands for the strategy and its settings, so that other percentages begin anew. */
  arms: (pool: string, strategy: string) => string;
  /** The plan in force, as JSON. */
  plan: string;
  /** What tenants have had, so that a change of leader forgets nothing. */
  turns: string;
  /** How long answers are, by what is known of who asks. */
  lengths: string;
  /** The generated webhook secret, where the config names none. */
  webhookSecret: string;
  /** Pub/sub: `<job or batch id> <status>` whenever one changes. */
  changes: string;
  /** Pub/sub: ids whose calls are to be aborted. */
  aborts: string;
  /** Pub/sub: `<deployment> <state>` from the leader; {@link USED_UP} for one that is paused because of its day. */
  states: string;
}

/** What workers are told of a deployment that is paused for its day or month is used up: what is booked on it goes on. */
export const USED_UP = 'used_up';

/** All slots, for what must look everywhere (lists, sweeps, streams). */
export const SLOT_NUMBERS: readonly number[] = Array.from({ length: SLOTS }, (_, slot) => slot);

/** Slots whose streams one command may read: all of a single Redis, each alone on a Cluster. */
export const readTogether = ({ isCluster }: Pick<Redis, 'isCluster'>): (readonly number[])[] =>
  isCluster ? SLOT_NUMBERS.map((slot) => [slot]) : [SLOT_NUMBERS];

/** Whether an entry id names a chunk of a batch (`batch_…~…`) rather than a single job. */
export const isChunkId = (id: string): boolean => id.includes('~');

export function makeKeys(prefix: string): Keys {
  const at = (slot: number, rest: string): string => `${prefix}:{j${slot}}:${rest}`;
  const of = (kind: string) => (id: string) => at(slotOf(id), `${kind}:${id}`);
  const job = of('job');
  const chunk = of('chunk');
  return {
    prefix,
    job,
    chunk,
    batch: of('batch'),
    seen: of('seen'),
    extents: of('extents'),
    unread: of('unread'),
    stepTrouble: of('trouble'),
    chunks: of('chunks'),
    entry: (id) => (isChunkId(id) ? chunk(id) : job(id)),
    dryRun: of('dry'),
    dryRunAnswer: of('dried'),
    file: of('file'),
    upload: of('upload'),
    parts: of('parts'),
    list: ({ kind, tenant }, slot) => at(slot, `list:${kind}:${tenant}`),
    lists: (kind, slot) => at(slot, `list:${kind}:`),
    listed: (kind, slot) => at(slot, `listed:${kind}`),
    check: (slot) => at(slot, 'check'),
    backlog: (slot) => at(slot, 'backlog'),
    backlogPools: (slot) => at(slot, 'backlog_pools'),
    looseBytes: (slot) => at(slot, 'loose'),
    expiries: (slot) => at(slot, 'expiries'),
    idempotency: (slot, hash) => at(slot, `idem:${hash}`),
    outcomes: (slot) => at(slot, 'outcomes'),
    written: (slot, writer) => at(slot, `written:${writer}`),
    outbox: (slot) => at(slot, 'outbox'),
    listeners: (slot) => at(slot, 'listeners'),
    endpoint: of('endpoint'),
    deliveries: of('deliveries'),
    delivery: of('delivery'),
    deliveryAttempts: (id) => `${of('delivery')(id)}:attempts`,
    leaderSeen: (slot) => at(slot, 'leader'),
    tenant: (id) => tenantKeys(`${prefix}:{t:${id}}`),
    recorder: (slot) => at(slot, 'recorder'),
    usage: (slot, hour) => at(slot, `usage:${hour}`),
    ...controlKeys(`${prefix}:{ctl}`),
    changes: `${prefix}:changes`,
    aborts: `${prefix}:aborts`,
    states: `${prefix}:states`,
  };
}

/** What the whole installation has once. */
const controlKeys = (tag: string) => ({
  leader: `${tag}:leader`,
  dataMark: `${tag}:data`,
  storeMark: `${tag}:files`,
  storeMarkMaking: `${tag}:files:making`,
  writingTrouble: `${tag}:files:trouble`,
  health: `${tag}:health`,
  pools: `${tag}:pools`,
  atLimit: `${tag}:at_limit`,
  firstInTurn: `${tag}:first_in_turn`,
  arms: (pool: string, strategy: string) => `${tag}:arms:${pool}:${strategy}`,
  plan: `${tag}:plan`,
  turns: `${tag}:turns`,
  lengths: `${tag}:lengths`,
  webhookSecret: `${tag}:webhook_secret`,
});

const tenantKeys = (tag: string): TenantKeys => ({
  allowance: `${tag}:allowance`,
  open: `${tag}:open`,
  lines: `${tag}:lines`,
  spent: `${tag}:spent`,
  endpoints: `${tag}:endpoints`,
  taken: (taker) => `${tag}:taken:${taker}`,
});
