/** Every route of the API: one table, from which the server, /openapi.json and /docs are made. */
import { ENDPOINTS } from '@sluice/job';
import type { z } from 'zod';
import { adminBudgets, adminDeployments, adminPools, noQuery } from './handlers/admin.ts';
import { answerNow, modelledBody } from './handlers/answer-now.ts';
import { batchResults } from './handlers/batch-results.ts';
import {
  batchEvents,
  cancelBatch,
  getBatch,
  listBatches,
  pauseBatch,
  resumeBatch,
} from './handlers/batches.ts';
import { createBatch } from './handlers/create-batch.ts';
import { createJob, retryJob } from './handlers/create-job.ts';
import { docs, openapi } from './handlers/documents.ts';
import { getContent, getFile, listFiles, removeFile, uploadFile } from './handlers/files.ts';
import { healthz, metrics, readyz } from './handlers/health.ts';
import { cancelJob, getJob, jobEvents, listJobs, removeJob } from './handlers/jobs.ts';
import { getModel, listModels } from './handlers/models.ts';
import { retryBatch } from './handlers/retry-batch.ts';
import { cancelUpload, completeUpload, openUpload, receivePart } from './handlers/uploads.ts';
import { webhookSecret } from './handlers/webhook-secret.ts';
import type { Handler } from './http/message.ts';
import { batchRequest, batchesQuery, directQuery, resultsQuery } from './shapes/batch-request.ts';
import { completeRequest, fileForm, filesQuery, uploadRequest } from './shapes/file-request.ts';
import { jobRequest, jobsQuery, waitQuery } from './shapes/job-request.ts';

export interface Route {
  method: 'get' | 'post' | 'delete';
  /** As express reads it: `/v1/jobs/:id`. */
  path: string;
  access: 'open' | 'tenant' | 'admin';
  handler: Handler;
  does: string;
  /** `json`: parsed. `form`: multipart, streamed. `json_or_lines`: JSON, or JSON lines streamed. Absent: none is read. */
  takes?: 'json' | 'form' | 'json_or_lines';
  body?: z.ZodType;
  query?: z.ZodType;
  /** Makes something: an Idempotency-Key is honoured, and after a lost connection its fate is not known. */
  creates?: true;
  /** What it answers with; absent: JSON. */
  answers?: 'events' | 'lines' | 'bytes' | 'text' | 'html';
  status?: number;
}

const tenant = { access: 'tenant' } as const;
const admin = { access: 'admin', query: noQuery } as const;
const open = { access: 'open' } as const;
const json = { takes: 'json' } as const;
const creates = { creates: true } as const;

// prettier-ignore
export const ROUTES: readonly Route[] = [
  { method: 'post', path: '/v1/jobs', ...tenant, handler: createJob, does: 'Submit a job', ...json, body: jobRequest, ...creates, status: 202 },
  { method: 'get', path: '/v1/jobs', ...tenant, handler: listJobs, does: 'List jobs, newest first; filter with metadata[k]=v too', query: jobsQuery },
  { method: 'get', path: '/v1/jobs/:id', ...tenant, handler: getJob, does: 'Read a job, or a batch line as {batch_id}.{line}; wait for its end', query: waitQuery },
  { method: 'delete', path: '/v1/jobs/:id', ...tenant, handler: removeJob, does: 'Delete an ended job' },
  { method: 'post', path: '/v1/jobs/:id/cancel', ...tenant, handler: cancelJob, does: 'Cancel a job' },
  { method: 'post', path: '/v1/jobs/:id/retry', ...tenant, handler: retryJob, does: 'Run a failed job again as a new one', ...json, ...creates, status: 202 },
  { method: 'get', path: '/v1/jobs/:id/events', ...tenant, handler: jobEvents, does: 'Follow a job', answers: 'events' },

  { method: 'post', path: '/v1/files', ...tenant, handler: uploadFile, does: 'Upload a file', takes: 'form', body: fileForm, ...creates },
  { method: 'get', path: '/v1/files', ...tenant, handler: listFiles, does: 'List files', query: filesQuery },
  { method: 'get', path: '/v1/files/:id', ...tenant, handler: getFile, does: 'Read a file object' },
  { method: 'get', path: '/v1/files/:id/content', ...tenant, handler: getContent, does: 'Download a file', answers: 'bytes' },
  { method: 'delete', path: '/v1/files/:id', ...tenant, handler: removeFile, does: 'Delete a file' },

  { method: 'post', path: '/v1/uploads', ...tenant, handler: openUpload, does: 'Begin an upload in parts', ...json, body: uploadRequest, ...creates },
  { method: 'post', path: '/v1/uploads/:id/parts', ...tenant, handler: receivePart, does: 'Add a part of at most 64 MB, as `data`', takes: 'form' },
  { method: 'post', path: '/v1/uploads/:id/complete', ...tenant, handler: completeUpload, does: 'Join the parts into a file', ...json, body: completeRequest },
  { method: 'post', path: '/v1/uploads/:id/cancel', ...tenant, handler: cancelUpload, does: 'Cancel an upload' },

  { method: 'post', path: '/v1/batches', ...tenant, handler: createBatch, does: 'Create a batch of a file, or of the JSON lines in the body', takes: 'json_or_lines', body: batchRequest, query: directQuery, ...creates },
  { method: 'get', path: '/v1/batches', ...tenant, handler: listBatches, does: 'List batches, newest first', query: batchesQuery },
  { method: 'get', path: '/v1/batches/:id', ...tenant, handler: getBatch, does: 'Read a batch' },
  { method: 'post', path: '/v1/batches/:id/cancel', ...tenant, handler: cancelBatch, does: 'Cancel a batch' },
  { method: 'post', path: '/v1/batches/:id/pause', ...tenant, handler: pauseBatch, does: 'Pause a batch: nothing new is sent' },
  { method: 'post', path: '/v1/batches/:id/resume', ...tenant, handler: resumeBatch, does: 'Resume a batch' },
  { method: 'post', path: '/v1/batches/:id/retry', ...tenant, handler: retryBatch, does: 'The lines that did not succeed, as a new batch', ...json, ...creates },
  { method: 'get', path: '/v1/batches/:id/results', ...tenant, handler: batchResults, does: 'The lines finished so far', query: resultsQuery, answers: 'lines' },
  { method: 'get', path: '/v1/batches/:id/events', ...tenant, handler: batchEvents, does: 'Follow a batch', answers: 'events' },

  ...ENDPOINTS.map((path): Route => ({ method: 'post', path, ...tenant, handler: answerNow(path), does: 'The provider’s answer, waited for', ...json, body: modelledBody, ...creates })),
  { method: 'get', path: '/v1/models', ...tenant, handler: listModels, does: 'List pools and aliases' },
  { method: 'get', path: '/v1/models/:id', ...tenant, handler: getModel, does: 'Read a model' },

  { method: 'get', path: '/v1/webhook_secret', ...admin, handler: webhookSecret, does: 'The secret that webhook deliveries are signed with' },
  { method: 'get', path: '/admin/pools', ...admin, handler: adminPools, does: 'Pools, live' },
  { method: 'get', path: '/admin/deployments', ...admin, handler: adminDeployments, does: 'Deployments, live' },
  { method: 'get', path: '/admin/budgets', ...admin, handler: adminBudgets, does: 'Budgets, live' },

  { method: 'get', path: '/healthz', ...open, handler: healthz, does: 'This process lives' },
  { method: 'get', path: '/readyz', ...open, handler: readyz, does: 'Redis is there and a dispatcher leads' },
  { method: 'get', path: '/metrics', access: 'admin', handler: metrics, does: 'Figures for Prometheus', answers: 'text' },
  { method: 'get', path: '/openapi.json', ...open, handler: openapi, does: 'This document' },
  { method: 'get', path: '/docs', ...open, handler: docs, does: 'This document, to read', answers: 'html' },
];
