/** What a vendor's wire format must be able to say; one file of answers, errors and headers per vendor. */
import type { Dimension, LimitView, Refusal } from '@sluice/windows';
import type { ModelRequest } from '../model-request.ts';
import type { Product } from '../produce.ts';

export type Failure =
  | { kind: 'bad_request'; message: string; param: string | null }
  | { kind: 'unknown_key' }
  | { kind: 'unknown_url'; method: string; path: string }
  | { kind: 'too_large' }
  | { kind: 'model_gone'; model: string }
  | { kind: 'quota_exhausted'; status: number | undefined }
  | { kind: 'context_too_long'; tokens: number; max: number }
  | { kind: 'content_refused' }
  | { kind: 'server_error'; status: number }
  | RateLimited;

export interface RateLimited {
  kind: 'rate_limited';
  model: string;
  limit: Refusal['limit'];
  /** Per minute, per day, or calls in flight. */
  value: number;
  used: number;
  requested: number;
  /** null: unknown (concurrency). */
  waitMs: number | null;
}

/** Header names and values in turn, as node's `writeHead` takes them fastest. */
export type RawHeaders = string[];

export interface Reply {
  status: number;
  headers: RawHeaders;
  body: string;
}

export interface AnswerFacts {
  /** A number no other answer of this simulator has. */
  serial: number;
  /** Unix ms. */
  wallMs: number;
  embeddingDimensions: number;
}

export interface WireFormat {
  fail: (failure: Failure, serial: number) => Reply;
  answer: (request: ModelRequest, product: Product, facts: AnswerFacts) => string;
  /** `GET /v1/models` and `/v1/models/{id}`. */
  modelList: (models: readonly string[]) => string;
  model: (model: string) => string;
  rateLimitHeaders: (limits: ReadonlyMap<Dimension, LimitView>, wallMs: number) => RawHeaders;
  requestIdHeader: string;
}
