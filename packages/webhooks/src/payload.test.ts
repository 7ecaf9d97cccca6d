import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Job } from '@sluice/job';
import { MAX_JOB_BYTES, batchEventBody, jobEventBody } from './payload.ts';

const job = (body: unknown): Job => ({
  id: 'job_0',
  object: 'job',
  tenant: 'default',
  status: 'succeeded',
  model: 'fast',
  endpoint: '/v1/chat/completions',
  priority: 'normal',
  created_at: 1,
  started_at: 2,
  ended_at: 3,
  deadline_at: 4,
  attempts: [],
  result: { status_code: 200, body },
  error: null,
  cost_usd: null,
  metadata: { run: 'a' },
  retry_of: null,
});

const url = 'https://sluice.example/v1/jobs/job_0';

const bodyOf = (event: Parameters<typeof jobEventBody>[0], whole: Job): string =>
  jobEventBody(event, JSON.stringify(whole), () =>
    JSON.stringify({ ...job(null), result: null, url }),
  );

/** A job that takes exactly `bytes` when serialised. */
function jobOf(bytes: number): Job {
  const rest = JSON.stringify(job('')).length;
  return job('x'.repeat(bytes - rest));
}

test('a job event carries the whole job', () => {
  const event = { id: 'evt_1', type: 'job.succeeded', at: 1_700_000_000_999 } as const;
  assert.deepEqual(JSON.parse(bodyOf(event, job({ text: 'é' }))), {
    id: 'evt_1',
    object: 'event',
    type: 'job.succeeded',
    created_at: 1_700_000_000,
    timestamp: '2023-11-14T22:13:20.999Z',
    data: job({ text: 'é' }),
  });
});

test('above 256 KiB the result stays behind and the event says where', () => {
  const event = { id: 'evt_1', type: 'job.succeeded', at: 0 } as const;
  const fits = JSON.parse(bodyOf(event, jobOf(MAX_JOB_BYTES)));
  assert.deepEqual(fits.data, jobOf(MAX_JOB_BYTES));
  const large = JSON.parse(bodyOf(event, jobOf(MAX_JOB_BYTES + 1)));
  assert.deepEqual(large.data, { ...job(null), result: null, url });
});

test('an answer passes through as it came, however deep', () => {
  const event = { id: 'evt_1', type: 'job.succeeded', at: 0 } as const;
  const whole = `{"id":"job_0","result":{"body":${'['.repeat(50_000)}1.00${']'.repeat(50_000)}}}`;
  const body = jobEventBody(event, whole, () => assert.fail('it is small'));
  assert.ok(body.endsWith(`,"data":${whole}}`));
});

test('the limit counts bytes, not characters', () => {
  const event = { id: 'evt_1', type: 'job.succeeded', at: 0 } as const;
  const wide = job('é'.repeat(MAX_JOB_BYTES / 2));
  assert.equal(JSON.parse(bodyOf(event, wide)).data.result, null);
});

test('a batch event is thin', () => {
  const event = { id: 'evt_1', type: 'batch.completed', at: 5_000 } as const;
  assert.deepEqual(JSON.parse(batchEventBody(event, 'batch_0')), {
    id: 'evt_1',
    object: 'event',
    type: 'batch.completed',
    created_at: 5,
    timestamp: '1970-01-01T00:00:05.000Z',
    data: { id: 'batch_0' },
  });
});
