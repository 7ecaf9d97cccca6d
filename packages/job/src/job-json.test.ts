import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jobJson } from './job-json.ts';
import type { Job } from './job.ts';

const JOB = {
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
  error: null,
  cost_usd: null,
  metadata: { run: '"a"' },
  retry_of: null,
} satisfies Omit<Job, 'result'>;

test('the answer stands in the job as it came, however deep', () => {
  const deep = `${'['.repeat(200_000)}1.0${']'.repeat(200_000)}`;
  const text = jobJson(JOB, { statusCode: 200, body: deep });
  assert.ok(text.includes(`"result":{"status_code":200,"body":${deep}}`));
  const shallow = jobJson(JOB, { statusCode: 400, body: '{"error": {}}' });
  assert.deepEqual(JSON.parse(shallow), {
    ...JOB,
    result: { status_code: 400, body: { error: {} } },
  });
});

test('without a result it is null; a result left out says where it is', () => {
  assert.deepEqual(JSON.parse(jobJson(JOB, null)), { ...JOB, result: null });
  const left = JSON.parse(jobJson(JOB, { statusCode: 200, body: null }));
  assert.deepEqual(left, { ...JOB, result: null, url: '/v1/jobs/job_0' });
});
