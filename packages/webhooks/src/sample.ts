/** Made-up events, for trying out a receiver. Their subjects never were. */
import type { EventType } from '@sluice/job';
import { batchEventBody, endpointEventBody, jobEventBody } from './payload.ts';

const NEVER = '0'.repeat(32);

/** As a real event of the type, about a job, batch or endpoint of zeros. */
export function sampleEventBody(event: { id: string; type: EventType; at: number }): string {
  if (event.type.startsWith('batch.')) return batchEventBody(event, `batch_${NEVER}`);
  if (event.type === 'webhook_endpoint.disabled')
    return endpointEventBody(event, {
      id: `whe_${NEVER}`,
      name: 'example',
      disabledReason: 'it answered 410 Gone',
    });
  return jobEventBody(event, JSON.stringify(sampleJob(event)), () => '');
}

function sampleJob({ type, at }: { type: EventType; at: number }) {
  const status = type.slice('job.'.length);
  const now = Math.floor(at / 1000);
  const succeeded = status === 'succeeded';
  return {
    id: `job_${NEVER}`,
    object: 'job',
    status,
    model: 'example',
    endpoint: '/v1/chat/completions',
    priority: 'normal',
    created_at: now,
    started_at: now,
    ended_at: now,
    deadline_at: now,
    attempts: [],
    result: succeeded
      ? { status_code: 200, body: { object: 'chat.completion', choices: [] } }
      : null,
    error: succeeded ? null : { code: status, message: 'This is a made-up event.' },
    cost_usd: null,
    metadata: {},
    retry_of: null,
  };
}
