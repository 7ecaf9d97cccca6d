/**
 * What the API answers with, for /openapi.json: one shape per object, by the name it has there. Tests hold real answers
 * against them, to the field.
 */
import { EVENT_TYPES } from '@sluice/job';
import { z } from 'zod';
import { Batch } from './answers/batch.ts';
import { DryRun } from './answers/dry-run.ts';
import { File, Upload, UploadPart } from './answers/file.ts';
import { Deployment, Pool, Budget, BudgetSettings } from './answers/fleet.ts';
import { Job } from './answers/job.ts';
import { Reload, DeadJob, Replay, Plan } from './answers/operations.ts';
import { Usage } from './answers/usage.ts';
import { id, listOf, pageOf, text, texts, unix } from './answers/values.ts';
import { WebhookEndpoint, WebhookDelivery } from './answers/webhook.ts';

const Model = z.object({
  id: id.describe('A pool or an alias.'),
  object: z.literal('model'),
  created: unix,
  owned_by: z.literal('sluice'),
});

/** By name in `components.schemas`. */
export const SHAPES = {
  Job,
  JobPage: pageOf(Job),
  Batch,
  DryRun,
  BatchPage: pageOf(Batch),
  File,
  FilePage: pageOf(File),
  Upload,
  UploadPart,
  Deleted: z.object({ id, object: text, deleted: z.literal(true) }),
  Model,
  ModelList: listOf(Model),
  ProviderAnswer: z
    .looseObject({})
    .describe(
      'The provider’s own body, under its own status; `x-sluice-job-id` names the job, `x-sluice-output-cap` the maximum that was put in for want of one.',
    ),
  WebhookEndpoint,
  WebhookEndpointWithSecret: WebhookEndpoint.extend({
    signing_secret: text.describe('Told here only: keep it.'),
  }),
  WebhookEndpointPage: pageOf(WebhookEndpoint),
  WebhookEndpointDeleted: z.object({
    id,
    object: z.literal('webhook_endpoint.deleted'),
    deleted: z.boolean(),
  }),
  WebhookEndpointTest: z.object({
    object: z.literal('webhook_endpoint.test'),
    webhook_endpoint_id: id,
    event_type: z.enum(EVENT_TYPES),
    status_code: z.int(),
    success: z.literal(true),
  }),
  WebhookDelivery,
  WebhookDeliveryPage: pageOf(WebhookDelivery),
  WebhookEventTypes: z.object({ object: z.literal('list'), data: z.array(z.enum(EVENT_TYPES)) }),
  WebhookSecret: z.object({ object: z.literal('webhook_secret'), secret: text.nullable() }),
  Plan,
  PoolList: listOf(Pool),
  Deployment,
  DeploymentList: listOf(Deployment),
  Reload,
  DeadJobPage: pageOf(DeadJob),
  Replay,
  BudgetList: listOf(Budget),
  BudgetSettings,
  Usage,
  Links: z.object({ object: z.literal('links'), title: text, says: text, at: texts }),
  Health: z.object({ status: z.literal('ok') }),
  Readiness: z.object({
    status: z.enum(['ready', 'not_ready']),
    missing: z.array(text).describe('What is not there.'),
  }),
  Description: z.looseObject({}).describe('OpenAPI 3.1.'),
} as const satisfies Record<string, z.ZodType>;

export type ShapeName = keyof typeof SHAPES;
