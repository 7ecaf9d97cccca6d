/** The sections that say who may call and how the installation runs. Each may be left out. */
import { KNOWN_WINDOW } from '@sluice/budget';
import { z } from 'zod';
import {
  amount,
  apiKey,
  calls,
  cidr,
  duration,
  flag,
  metadataKey,
  name,
  share,
  text,
  weight,
  whole,
} from './fields.ts';

const keys = () => z.array(apiKey()).min(1).meta({ allowed: 'a list of keys, not empty' });

export const tenant = z.strictObject({
  api_keys: keys().describe('Keys that this tenant’s clients send as `Authorization: Bearer …`.'),
  weight: weight().prefault(1).describe('Its share when tenants compete.'),
  pools: z
    .array(name())
    .min(1)
    .optional()
    .meta({ allowed: 'a list of pool names, not empty' })
    .describe('The pools it may name; absent = all.'),
  limits: z
    .strictObject({
      rpm: amount().optional().describe('Requests per minute sent for it; its jobs wait.'),
      tpm: amount().optional().describe('Tokens per minute sent for it; its jobs wait.'),
      concurrency: calls().optional().describe('Calls in flight for it; its jobs wait.'),
      requests_per_minute: amount()
        .optional()
        .describe('Jobs, batches and synchronous calls it may submit per minute; above it 429.'),
      max_queued: whole(1, 1_000_000_000)
        .optional()
        .describe('Jobs and batch lines of its that have not ended; above it 429.'),
      usd_per_day: amount()
        .optional()
        .describe(
          'US dollars in any 24 hours, by quarters of an hour; above it 429. What was accepted before goes on.',
        ),
    })
    .prefault({})
    .describe(
      'Limits of this tenant; absent = none. `rpm`, `tpm` and `concurrency` make its jobs wait, the others answer 429.',
    ),
});

export const admin = z.strictObject({
  api_keys: keys().describe(
    'Keys for `/admin`, `/metrics` and the webhook secret; browsers send one as the password of HTTP Basic. Under `/v1` they list, read, cancel, pause and delete what is any tenant’s (also what was made before there were tenants) and make nothing. With tenants and without these, all that is closed.',
  ),
});

export const webhooks = z
  .strictObject({
    secret: text()
      .refine((value) => isWebhookSecret(value))
      .optional()
      .meta({
        allowed: '`whsec_` and the base64 of 24 to 64 bytes',
      })
      .describe('Signs deliveries (Standard Webhooks). Absent = one is generated and kept.'),
    allow: z
      .array(cidr())
      .prefault([])
      .meta({ allowed: 'a list of address ranges' })
      .describe(
        'Private, loopback and link-local ranges that a delivery may reach; none by default.',
      ),
    allow_http: flag()
      .prefault(false)
      .describe(
        'Lets deliveries go to `http://` URLs within the ranges of `allow`; elsewhere it takes https.',
      ),
    keep_deliveries: duration()
      .prefault('7d')
      .describe('How long deliveries to webhook endpoints are remembered, the last 1,000 of each.'),
  })
  .prefault({})
  .describe('Deliveries to a `webhook_url` and to webhook endpoints.');

function isWebhookSecret(value: string): boolean {
  const encoded = value.slice('whsec_'.length);
  if (!value.startsWith('whsec_') || !/^[A-Za-z0-9+/]+={0,2}$/.test(encoded)) return false;
  const { length } = Buffer.from(encoded, 'base64');
  return encoded.length % 4 === 0 && length >= 24 && length <= 64;
}

const DAY_MS = 86_400_000;

export const retry = z
  .strictObject({
    max_attempts: whole(1, 100)
      .prefault(5)
      .describe('Calls for one job before it is dead. 429s and blocked deployments cost none.'),
    backoff: z
      .strictObject({
        base_ms: whole(1, DAY_MS)
          .prefault(500)
          .describe('The first wait is random up to this; each further one up to twice the last.'),
        cap_ms: whole(1, DAY_MS).prefault(30_000).describe('No wait is longer.'),
      })
      .prefault({})
      .describe('Wait before another attempt (full jitter).'),
  })
  .prefault({})
  .describe('What happens after a failed attempt.');

export const retention = z
  .strictObject({
    jobs: duration().prefault('24h').describe('Ended jobs and their results.'),
    files: duration()
      .prefault('30d')
      .describe('Files, unless the upload says otherwise; and ended batches with their results.'),
    dead: duration().prefault('7d').describe('Jobs out of attempts, for replay.'),
    usage: duration()
      .prefault('90d')
      .describe('Each hour of usage, from its first entry; a change holds for hours to come.'),
  })
  .prefault({})
  .describe('How long things are kept.');

const MOST_METADATA_KEYS = 5;

export const usage = z
  .strictObject({
    metadata_keys: z
      .array(metadataKey())
      .max(MOST_METADATA_KEYS)
      .prefault([])
      .meta({ allowed: `a list of at most ${MOST_METADATA_KEYS} metadata keys` })
      .describe(
        'Keys of the metadata of jobs and batches that usage is told apart by, for `group_by=metadata.<key>`; none by default. What ended before a key stood here is not told apart by it.',
      ),
    metadata_values: whole(1, 1_000)
      .prefault(100)
      .describe(
        'Most values of one key and tenant that are told apart in an answer’s bucket; the rest is one group, `other`.',
      ),
  })
  .prefault({})
  .describe('What /v1/usage and /admin/usage tell apart.');

/** A batch says in 32 bits which line is whose, and what is recorded in one bit a line. */
const MOST_LINES = 100_000_000;
/** A body is one text here and in Redis, which take 512 MiB, and an answer's envelope comes on top. */
const MOST_BODY_BYTES = 268_435_456;

export const server = z
  .strictObject({
    max_file_bytes: whole(1, 1_099_511_627_776)
      .prefault(8_589_934_592)
      .describe('Largest file; above it 413.'),
    max_batch_lines: whole(1, MOST_LINES).prefault(1_000_000).describe('Most lines of one batch.'),
    max_body_bytes: whole(1, MOST_BODY_BYTES)
      .prefault(33_554_432)
      .describe('Largest request body and batch line.'),
    body_idle_ms: whole(100, 3_600_000)
      .prefault(30_000)
      .describe(
        'So long no byte of a request’s body may come while it is waited for; then 408 and the connection closes. An upload that goes on may take as long as it takes.',
      ),
  })
  .prefault({})
  .describe('What the API takes.');

export const dispatch = z
  .strictObject({
    depth_ms: whole(1, 60_000)
      .prefault(1_000)
      .describe(
        'Placed work per budget, as time at its rate: late enough to choose well, early enough that no worker waits.',
      ),
    chunk_jobs: whole(1, 1_000).prefault(32).describe('Most batch lines in one queue entry.'),
    chunk_ms: whole(1, 10_000)
      .prefault(100)
      .describe('Most work in one queue entry, as time at the budget’s rate.'),
    window_lines: whole(1, 1_000_000)
      .prefault(4_096)
      .describe('Batch lines fed and not yet recorded, per batch: what they take in Redis.'),
    snapshot_ms: whole(1, 10_000)
      .prefault(50)
      .describe('How old the picture of budgets and queues may be that placement works on.'),
    unlimited_depth: whole(1, 1_000_000)
      .prefault(2_048)
      .describe('Jobs placed at once on a budget without any limit.'),
  })
  .prefault({})
  .describe('How the dispatcher hands out work. Change one only with a benchmark at hand.');

export const admission = z
  .strictObject({
    utilisation: share()
      .prefault(KNOWN_WINDOW.share)
      .describe(
        'Share of a configured rate limit that is used; the rest absorbs clock differences. Of one that a provider’s headers report or its 429s have taught, 95 % are used whatever stands here.',
      ),
  })
  .prefault({})
  .describe('How budgets are spent.');
