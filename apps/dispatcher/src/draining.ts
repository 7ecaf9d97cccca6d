/** A batch that is being drained, as the feeder knows it, and the chunks that its lines become. Pure. */
import type { Lane } from '@sluice/balancing';
import { indexName } from '@sluice/files';
import type { IndexRecord } from '@sluice/files';
import type { BatchClass, LineRef, NewChunk, StoredBatch } from '@sluice/ledger';
import { ceilingOf } from './ceiling.ts';
import type { Ceiling } from './ceiling.ts';
import type { Asker } from './lengths-book.ts';
import { bandOf } from './run-entry.ts';
import type { Band } from './run-entry.ts';

export interface DrainingClass {
  of: BatchClass;
  index: number;
  name: string;
  pool: string;
  formats: number;
  jobs: number;
  /** Records before this one are fed. */
  cursor: number;
  /** Records before this one are fed or on their way. */
  taken: number;
  /** Lines of its batch that were fed when the last of its own were; 0 = none of its own are. */
  fedBy: number;
  /** The plan's class that it belongs to; '' before the first plan. */
  planId: string;
  ahead: IndexRecord[];
  loading: boolean;
  /** Its lines have keys. */
  keyed: boolean;
  /** By which the lines taken last went; null = none. */
  key: number | null;
}

export interface Draining {
  id: string;
  tenant: string;
  band: Band;
  priority: string;
  maxTier: number | null;
  createdAt: number;
  expiresAt: number;
  classes: DrainingClass[];
  fed: number;
  recorded: number;
  feeding: boolean;
  /** It begins when it has been planned for, or could not be. */
  planned: boolean;
  /** Of its cost; null = it has none. */
  ceiling: Ceiling | null;
  /** What was expected of the lines fed by this leader, and what its tenant was charged beyond it. */
  counted: {
    lines: number;
    input: number;
    output: number;
    before: { recorded: number; input: number; output: number };
    settled: { input: number; output: number };
  };
}

/** What one turn of the pump feeds of a class of a batch. */
export interface Helping {
  batch: Draining;
  class: DrainingClass;
  chunks: NewChunk[];
  lines: number;
}

/** Lines that are neither fed nor on their way. */
export const unfedOf = ({ jobs, taken }: DrainingClass): number => jobs - taken;

export const askerOf = (
  { id, tenant }: Pick<Draining, 'id' | 'tenant'>,
  { pool, index }: Pick<DrainingClass, 'pool' | 'index'>,
): Asker => ({ pool, tenant, batch: id, lineClass: index });

export const laneOf = (
  { tenant, band }: Pick<Draining, 'tenant' | 'band'>,
  { pool, formats }: Pick<DrainingClass, 'pool' | 'formats'>,
): Lane => ({ whose: `${band} ${tenant}`, pool, formats });

export const lineOf = (record: IndexRecord): LineRef => [
  record.line,
  record.offset,
  record.length,
  record.characters,
  record.maxOutput ?? -1,
];

/** Lines of a class, and where placement put them. */
export interface Placement {
  records: IndexRecord[];
  /** The place of the first of them in their class, from 0. */
  at: number;
  choice: { deployment: string; tier: number; insteadOf?: string };
  /** Of all of them; null = they go by none. */
  key: number | null;
  /** Output tokens of one of them; null = not known. */
  expects: number | null;
  /** Of the first of them; null = they are kept to no arm. */
  lot: number | null;
  now: number;
}

export function chunkOf(batch: Draining, one: DrainingClass, placed: Placement): NewChunk {
  return {
    id: `${batch.id}~${one.index}.${placed.at}`,
    batch: batch.id,
    tenant: batch.tenant,
    pool: one.pool,
    deployment: placed.choice.deployment,
    tier: placed.choice.tier,
    ...(placed.choice.insteadOf !== undefined && { arm: placed.choice.insteadOf }),
    expects: placed.expects === null ? null : Math.round(placed.expects),
    lot: placed.lot,
    epoch: 1,
    lines: placed.records.map(lineOf),
    ...(placed.key !== null && { key: placed.key }),
    formats: one.formats,
    priority: batch.priority,
    createdAt: placed.now,
    deadlineAt: batch.expiresAt,
    maxTier: batch.maxTier,
  };
}

/** What is known of a batch before it drains. */
export type ToDrain = Pick<
  StoredBatch,
  'id' | 'tenant' | 'priority' | 'maxTier' | 'createdAt' | 'expiresAt' | 'classes'
>;
type Begun = Pick<
  StoredBatch,
  'cursors' | 'fed' | 'completed' | 'failed' | 'maxCostUsd' | 'costUsd'
> & {
  usage: Pick<StoredBatch['usage'], 'input' | 'output'>;
  byDeployment?: StoredBatch['byDeployment'];
};

/** A batch as it will drain once it begins. */
export const asDraining = (batch: ToDrain): Draining =>
  drainingOf({
    ...batch,
    cursors: [],
    fed: 0,
    completed: 0,
    failed: 0,
    maxCostUsd: null,
    costUsd: 0,
    usage: { input: 0, output: 0 },
  });

export function drainingOf(batch: ToDrain & Begun): Draining {
  return {
    id: batch.id,
    tenant: batch.tenant,
    band: bandOf(batch.priority),
    priority: batch.priority,
    maxTier: batch.maxTier,
    createdAt: batch.createdAt,
    expiresAt: batch.expiresAt,
    classes: drainingClasses(batch),
    fed: batch.fed,
    recorded: batch.completed + batch.failed,
    feeding: false,
    planned: false,
    ceiling: ceilingOf(batch),
    counted: {
      lines: 0,
      input: 0,
      output: 0,
      before: {
        recorded: batch.completed + batch.failed,
        input: batch.usage.input,
        output: batch.usage.output,
      },
      settled: { input: 0, output: 0 },
    },
  };
}

export const drainingClasses = ({
  id,
  classes,
  cursors,
  fed,
}: Pick<StoredBatch, 'id' | 'classes' | 'cursors' | 'fed'>): DrainingClass[] =>
  classes.map((one, index) => ({
    of: one,
    index,
    name: indexName(id, one.index),
    pool: one.pool,
    formats: one.formats,
    jobs: one.jobs,
    cursor: cursors[index] ?? 0,
    taken: cursors[index] ?? 0,
    fedBy: (cursors[index] ?? 0) > 0 ? fed : 0,
    planId: '',
    ahead: [],
    loading: false,
    keyed: one.keyed ?? false,
    key: null,
  }));
