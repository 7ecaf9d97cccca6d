/** Every route of the API: one table, from which the server, /openapi.json and /docs are made. */
import { ENDPOINTS } from '@sluice/job';
import type { z } from 'zod';
import {
  adminBudgets,
  adminDeployments,
  adminPlan,
  adminPools,
  noQuery,
} from './handlers/admin.ts';
import { answerNow, modelledBody } from './handlers/answer-now.ts';
import { batchResults } from './handlers/batch-results.ts';
import { batchEvents, cancelBatch, getBatch, listBatches, pauseBatch } from './handlers/batches.ts';
import { resumeBatch } from './handlers/resume-batch.ts';
import { patchBudget, patchDeployment, reloadConfig } from './handlers/control.ts';
import { createBatch } from './handlers/create-batch.ts';
import { createJob } from './handlers/create-job.ts';
import { retryJob } from './handlers/retry-job.ts';
import { listDead, replayDead } from './handlers/dead.ts';
import { docs, openapi } from './handlers/documents.ts';
import { getContent, getFile, listFiles, removeFile, uploadFile } from './handlers/files.ts';
import { healthz, metrics, readyz } from './handlers/health.ts';
import { adminHome, home } from './handlers/home.ts';
import { cancelJob, getJob, jobEvents, listJobs, removeJob } from './handlers/jobs.ts';
import { getModel, listModels } from './handlers/models.ts';
import { retryBatch } from './handlers/retry-batch.ts';
import { cancelUpload, completeUpload, openUpload, receivePart } from './handlers/uploads.ts';
import { adminUsage, getUsage } from './handlers/usage.ts';
import { listWebhookDeliveries, redeliver, testEndpoint } from './handlers/webhook-deliveries.ts';
import {
  createWebhookEndpoint,
  deleteWebhookEndpoint,
  getWebhookEndpoint,
  listWebhookEndpoints,
  listWebhookEventTypes,
  rotateWebhookSecret,
  updateWebhookEndpoint,
} from './handlers/webhook-endpoints.ts';
import { webhookSecret } from './handlers/webhook-secret.ts';
import type { Handler } from './http/message.ts';
import type { ShapeName } from './shapes/answers.ts';
import {
  batchRequest,
  batchesQuery,
  directQuery,
  resultsQuery,
  resumeRequest,
} from './shapes/batch-request.ts';
import { budgetPatch, deploymentPatch } from './shapes/control-request.ts';
import { deadQuery, replayRequest } from './shapes/dead-request.ts';
import { emptyRequest } from './shapes/empty-request.ts';
import { completeRequest, fileForm, filesQuery, uploadRequest } from './shapes/file-request.ts';
import { metadata } from './shapes/fields.ts';
import { jobRequest, jobsQuery, waitQuery } from './shapes/job-request.ts';
import { adminUsageQuery, usageQuery } from './shapes/usage-request.ts';
import {
  endpointChange,
  endpointRequest,
  endpointsQuery,
  rotateRequest,
  testRequest,
} from './shapes/webhook-request.ts';

export interface Route {
  method: 'get' | 'post' | 'patch' | 'delete';
  /** As express reads it: `/v1/jobs/:id`. */
  path: string;
  access: 'open' | 'tenant' | 'admin';
  handler: Handler;
  does: string;
  /** `json`: parsed. `form`: multipart, streamed. `json_or_lines`: JSON, or JSON lines streamed. Absent: none is read. */
  takes?: 'json' | 'form' | 'json_or_lines';
  body?: z.ZodType;
  query?: z.ZodType;
  /** Query parameters of the form `name[key]=value`, beside those of `query`. */
  groups?: Readonly<Record<string, z.ZodType>>;
  /** Makes something: an Idempotency-Key is honoured, and after a lost connection its fate is not known. */
  creates?: true;
  /** To make it twice costs nothing: who cannot know whether it was made may ask again, also without such a key. */
  free?: true;
  /** An Idempotency-Key is honoured: what it changes is then done once. */
  keyed?: true;
  /** Why what it changes is not to be done again by who cannot know whether it was done. Absent: done twice is as done once. */
  notTwice?: string;
  /** The JSON it answers with, by its name in shapes/answers.ts. */
  returns?: ShapeName;
  /** Another one that it may answer with. */
  or?: ShapeName;
  /** What it answers with instead of JSON. */
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
  { method: 'post', path: '/v1/jobs', ...tenant, handler: createJob, returns: 'Job', does: 'Submit a job', ...json, body: jobRequest, query: noQuery, ...creates, status: 202 },
  { method: 'get', path: '/v1/jobs', ...tenant, handler: listJobs, returns: 'JobPage', does: 'List jobs, newest first; filter with metadata[k]=v too', query: jobsQuery, groups: { metadata } },
  { method: 'get', path: '/v1/jobs/:id', ...tenant, handler: getJob, returns: 'Job', does: 'Read a job, or a batch line as {batch_id}.{line}; wait for its end', query: waitQuery },
  { method: 'delete', path: '/v1/jobs/:id', ...tenant, handler: removeJob, returns: 'Deleted', does: 'Delete an ended job' },
  { method: 'post', path: '/v1/jobs/:id/cancel', ...tenant, handler: cancelJob, returns: 'Job', does: 'Cancel a job', ...json, body: emptyRequest },
  { method: 'post', path: '/v1/jobs/:id/retry', ...tenant, handler: retryJob, returns: 'Job', does: 'Run a failed job again as a new one', ...json, body: emptyRequest, ...creates, status: 202 },
  { method: 'get', path: '/v1/jobs/:id/events', ...tenant, handler: jobEvents, does: 'Follow a job: an event per state, the present one first; it ends with the job, or early when this process stops', answers: 'events' },

  { method: 'post', path: '/v1/files', ...tenant, handler: uploadFile, returns: 'File', does: 'Upload a file', takes: 'form', body: fileForm, ...creates, free: true },
  { method: 'get', path: '/v1/files', ...tenant, handler: listFiles, returns: 'FilePage', does: 'List files', query: filesQuery },
  { method: 'get', path: '/v1/files/:id', ...tenant, handler: getFile, returns: 'File', does: 'Read a file object' },
  { method: 'get', path: '/v1/files/:id/content', ...tenant, handler: getContent, does: 'Download a file', answers: 'bytes' },
  { method: 'delete', path: '/v1/files/:id', ...tenant, handler: removeFile, returns: 'Deleted', does: 'Delete a file' },

  { method: 'post', path: '/v1/uploads', ...tenant, handler: openUpload, returns: 'Upload', does: 'Begin an upload in parts', ...json, body: uploadRequest, ...creates, free: true },
  { method: 'post', path: '/v1/uploads/:id/parts', ...tenant, handler: receivePart, returns: 'UploadPart', does: 'Add a part of at most 64 MB, as `data`', takes: 'form', ...creates, free: true },
  { method: 'post', path: '/v1/uploads/:id/complete', ...tenant, handler: completeUpload, returns: 'Upload', does: 'Join the parts into a file', ...json, body: completeRequest },
  { method: 'post', path: '/v1/uploads/:id/cancel', ...tenant, handler: cancelUpload, returns: 'Upload', does: 'Cancel an upload' },

  { method: 'post', path: '/v1/batches', ...tenant, handler: createBatch, returns: 'Batch', or: 'DryRun', does: 'Create a batch of a file, or of the JSON lines in the body; with dry_run say what it would take', takes: 'json_or_lines', body: batchRequest, query: directQuery, groups: { metadata }, ...creates },
  { method: 'get', path: '/v1/batches', ...tenant, handler: listBatches, returns: 'BatchPage', does: 'List batches, newest first', query: batchesQuery },
  { method: 'get', path: '/v1/batches/:id', ...tenant, handler: getBatch, returns: 'Batch', does: 'Read a batch' },
  { method: 'post', path: '/v1/batches/:id/cancel', ...tenant, handler: cancelBatch, returns: 'Batch', does: 'Cancel a batch', ...json, body: emptyRequest },
  { method: 'post', path: '/v1/batches/:id/pause', ...tenant, handler: pauseBatch, returns: 'Batch', does: 'Pause a batch: nothing new is sent', ...json, body: emptyRequest },
  { method: 'post', path: '/v1/batches/:id/resume', ...tenant, handler: resumeBatch, returns: 'Batch', does: 'Resume a batch, with another max_cost_usd if one is given', ...json, body: resumeRequest, keyed: true, notTwice: 'once max_cost_usd is reached, to resume is to lift it' },
  { method: 'post', path: '/v1/batches/:id/retry', ...tenant, handler: retryBatch, returns: 'Batch', does: 'The lines that did not succeed, as a new batch, with the same max_cost_usd counted from zero', ...json, body: emptyRequest, ...creates },
  { method: 'get', path: '/v1/batches/:id/results', ...tenant, handler: batchResults, does: 'The lines finished so far, in an order that never changes. A stream that ends before the batch has ended goes on with after=<lines read>', query: resultsQuery, answers: 'lines' },
  { method: 'get', path: '/v1/batches/:id/events', ...tenant, handler: batchEvents, does: 'Follow a batch: its state and progress; it ends with the batch, or early when this process stops', answers: 'events' },

  ...ENDPOINTS.map((path): Route => ({ method: 'post', path, ...tenant, handler: answerNow(path), returns: 'ProviderAnswer', does: 'The provider’s answer, waited for', ...json, body: modelledBody, ...creates })),
  { method: 'get', path: '/v1/models', ...tenant, handler: listModels, returns: 'ModelList', does: 'List pools and aliases' },
  { method: 'get', path: '/v1/models/:id', ...tenant, handler: getModel, returns: 'Model', does: 'Read a model' },

  { method: 'get', path: '/v1/usage', ...tenant, handler: getUsage, returns: 'Usage', does: 'Jobs, tokens and cost, by hour', query: usageQuery },

  { method: 'post', path: '/v1/webhook_endpoints', ...tenant, handler: createWebhookEndpoint, returns: 'WebhookEndpointWithSecret', does: 'Register a receiver for the ends of all your jobs and batches', ...json, body: endpointRequest, ...creates },
  { method: 'get', path: '/v1/webhook_endpoints', ...tenant, handler: listWebhookEndpoints, returns: 'WebhookEndpointPage', does: 'List receivers, newest first', query: endpointsQuery },
  { method: 'get', path: '/v1/webhook_endpoints/:id', ...tenant, handler: getWebhookEndpoint, returns: 'WebhookEndpoint', does: 'Read a receiver' },
  { method: 'post', path: '/v1/webhook_endpoints/:id', ...tenant, handler: updateWebhookEndpoint, returns: 'WebhookEndpoint', does: 'Change a receiver, or take a disabled one into service again', ...json, body: endpointChange },
  { method: 'delete', path: '/v1/webhook_endpoints/:id', ...tenant, handler: deleteWebhookEndpoint, returns: 'WebhookEndpointDeleted', does: 'Delete a receiver; what waits for it is dropped' },
  { method: 'post', path: '/v1/webhook_endpoints/:id/rotate_secret', ...tenant, handler: rotateWebhookSecret, returns: 'WebhookEndpointWithSecret', does: 'A new signing secret, at once or with the old ones beside it for a day from when they were replaced', ...json, body: rotateRequest, notTwice: 'another secret drops the one before, unless old ones are kept' },
  { method: 'post', path: '/v1/webhook_endpoints/:id/test', ...tenant, handler: testEndpoint, returns: 'WebhookEndpointTest', does: 'Send a made-up event now, once', ...json, body: testRequest },
  { method: 'get', path: '/v1/webhook_endpoints/:id/deliveries', ...tenant, handler: listWebhookDeliveries, returns: 'WebhookDeliveryPage', does: 'What was sent to a receiver and how it answered, newest first', query: endpointsQuery },
  { method: 'post', path: '/v1/webhook_endpoints/:id/deliveries/:delivery/redeliver', ...tenant, handler: redeliver, returns: 'WebhookDelivery', does: 'Send an event again', status: 202, notTwice: 'the event may be sent once more' },
  { method: 'get', path: '/v1/webhook_event_types', ...tenant, handler: listWebhookEventTypes, returns: 'WebhookEventTypes', does: 'What receivers can be told of' },
  { method: 'get', path: '/v1/webhook_secret', ...admin, handler: webhookSecret, returns: 'WebhookSecret', does: 'The secret that webhook deliveries are signed with' },
  { method: 'get', path: '/admin/pools', ...admin, handler: adminPools, returns: 'PoolList', does: 'Pools, live' },
  { method: 'get', path: '/admin/deployments', ...admin, handler: adminDeployments, returns: 'DeploymentList', does: 'Deployments, live' },
  { method: 'patch', path: '/admin/deployments/:id', ...admin, handler: patchDeployment, returns: 'Deployment', or: 'DeploymentList', does: 'Set weight, limits or state over the config, in all processes; null clears', ...json, body: deploymentPatch },
  { method: 'get', path: '/admin/dead', ...admin, handler: listDead, returns: 'DeadJobPage', does: 'Jobs and batch lines out of attempts, newest first', query: deadQuery },
  { method: 'post', path: '/admin/dead/replay', ...admin, handler: replayDead, returns: 'Replay', does: 'Run dead jobs again, each as a new job of its tenant; at most 1,000 at once', ...json, body: replayRequest, ...creates },
  { method: 'post', path: '/admin/reload', ...admin, handler: reloadConfig, returns: 'Reload', does: 'Read the config anew, in all processes; with a mistake in it nothing changes' },
  { method: 'get', path: '/admin/plan', ...admin, handler: adminPlan, returns: 'Plan', does: 'Which lines go where, and why' },
  { method: 'get', path: '/admin/budgets', ...admin, handler: adminBudgets, returns: 'BudgetList', does: 'Budgets, live' },
  { method: 'patch', path: '/admin/budgets/:id', ...admin, handler: patchBudget, returns: 'BudgetSettings', does: 'Set limits of a shared budget over the config, in all processes; null clears', ...json, body: budgetPatch },

  { method: 'get', path: '/admin/usage', access: 'admin', handler: adminUsage, returns: 'Usage', does: 'Jobs, tokens and cost of all tenants, by hour', query: adminUsageQuery },

  { method: 'get', path: '/admin', access: 'admin', handler: adminHome, returns: 'Links', does: 'Where things are; a page for browsers' },
  { method: 'get', path: '/', ...open, handler: home, returns: 'Links', does: 'Where things are; a page for browsers' },
  { method: 'get', path: '/healthz', ...open, handler: healthz, returns: 'Health', does: 'This process lives' },
  { method: 'get', path: '/readyz', ...open, handler: readyz, returns: 'Readiness', does: 'Redis is there and a dispatcher leads' },
  { method: 'get', path: '/metrics', access: 'admin', handler: metrics, does: 'Figures for Prometheus', answers: 'text' },
  { method: 'get', path: '/openapi.json', ...open, handler: openapi, returns: 'Description', does: 'This document' },
  { method: 'get', path: '/docs', ...open, handler: docs, does: 'This document, to read', answers: 'html' },
];
