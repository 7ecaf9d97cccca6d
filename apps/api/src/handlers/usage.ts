/** GET /v1/usage and /admin/usage: jobs, tokens and cost by hour, day or in all, and by who ran them. */
import { readUsage } from '@sluice/ledger';
import type { z } from 'zod';
import type { Api } from '../api.ts';
import { refuse, show } from '../errors.ts';
import type { ApiRequest, Reply } from '../http/message.ts';
import { maySee, ok } from '../http/message.ts';
import { readQuery } from '../http/query.ts';
import { adminUsageQuery, usageQuery } from '../shapes/usage-request.ts';
import { UsageSums, bucketsOf } from '../usage-report.ts';
import type { GroupBy, Span } from '../usage-report.ts';

const HOUR = 3_600;
const DAY_HOURS = 24;
/** Hours of one request: a month. */
const MOST_HOURS = 31 * DAY_HOURS;
/** Few enough that others are answered in between. */
const HOURS_AT_ONCE = 4;

/** The caller's own; for an admin's key that of all. */
export const getUsage = (api: Api, request: ApiRequest): Promise<Reply> =>
  report(api, request, {
    query: readQuery(usageQuery, request.query),
    groups: ['pool', 'deployment'],
    mayCount: (tenant) => maySee(request.caller, tenant),
  });

export const adminUsage = (api: Api, request: ApiRequest): Promise<Reply> =>
  report(api, request, {
    query: readQuery(adminUsageQuery, request.query),
    groups: ['tenant', 'pool', 'deployment'],
    mayCount: () => true,
  });

interface Asked {
  query: z.output<typeof adminUsageQuery>;
  groups: readonly ('tenant' | 'pool' | 'deployment')[];
  mayCount: (tenant: string) => boolean;
}

async function report(api: Api, request: ApiRequest, asked: Asked): Promise<Reply> {
  const { query } = asked;
  const groupBy = groupByOf(api, asked);
  const all = bucketsOf(spanOf(query, request.now), query.bucket);
  const { page } = query;
  const ahead = page === undefined ? all : all.slice(indexOf(all, page));
  const shown = ahead.slice(0, query.limit);
  const next = ahead[query.limit];
  const sums = await sumsOf(api, shown, { groupBy, mayCount: asked.mayCount });
  return ok({
    object: 'page',
    data: shown.map((bucket, i) => ({
      object: 'bucket',
      from: bucket.from * HOUR,
      to: bucket.to * HOUR,
      results: (sums[i] as UsageSums).rows(api.settings.usage.metadataValues),
    })),
    has_more: next !== undefined,
    next_page: next === undefined ? null : String(next.from * HOUR),
  });
}

function groupByOf({ settings }: Api, { query, groups }: Asked): GroupBy {
  const text = query.group_by;
  if (text === undefined) return null;
  const plain = groups.find((name) => name === text);
  if (plain) return { by: plain };
  const keys = settings.usage.metadataKeys;
  const key = keys.find((name) => `metadata.${name}` === text);
  if (key !== undefined) return { by: 'metadata', key };
  const named = keys.map((name) => `metadata.${name}`);
  const more = named.length === 0 ? ' (usage.metadata_keys names none)' : '';
  const allowed = `${[...groups, ...named].join(', ')}${more}`;
  return refuse('invalid_value', {
    param: 'group_by',
    values: { field: 'group_by', found: show(text), allowed },
  });
}

/** Whole hours; the usual day ends with the hour of `to`. */
function spanOf({ from, to }: Asked['query'], now: number): Span {
  const end = to ?? Math.floor(now / 1000) + 1;
  const last = Math.ceil(end / HOUR);
  if (from === undefined) return { from: Math.max(0, last - DAY_HOURS), to: last };
  const span = { from: Math.floor(from / HOUR), to: last };
  if (from >= end) refuseFrom(show(from), `a time before \`to\`, ${end}`);
  if (span.to - span.from > MOST_HOURS + 1) refuseFrom(show(from), 'at most 31 days before `to`');
  return span;
}

const refuseFrom = (found: string, allowed: string): never =>
  refuse('invalid_value', { param: 'from', values: { field: 'from', found, allowed } });

function indexOf(buckets: readonly Span[], page: number): number {
  const index = buckets.findIndex(({ from }) => from * HOUR === page);
  if (index >= 0) return index;
  const allowed = 'the `next_page` of the same request';
  return refuse('invalid_value', {
    param: 'page',
    values: { field: 'page', found: show(page), allowed },
  });
}

/** One sum per bucket; reads a few hours at a time. */
async function sumsOf(
  { ledger }: Api,
  buckets: readonly Span[],
  { groupBy, mayCount }: { groupBy: GroupBy } & Pick<Asked, 'mayCount'>,
): Promise<UsageSums[]> {
  const sums = buckets.map(() => new UsageSums(groupBy));
  const hours = buckets.flatMap(({ from, to }, i) =>
    Array.from({ length: to - from }, (_, hour) => ({
      hour: from + hour,
      sum: sums[i] as UsageSums,
    })),
  );
  for (let at = 0; at < hours.length; at += HOURS_AT_ONCE) {
    const some = hours.slice(at, at + HOURS_AT_ONCE);
    const cells = await readUsage(
      ledger,
      some.map(({ hour }) => hour),
    );
    some.forEach(({ sum }, i) => {
      for (const cell of cells[i] ?? []) if (mayCount(cell.tenant)) sum.add(cell);
    });
  }
  return sums;
}
