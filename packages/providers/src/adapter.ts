/**
 * What a wire format is to the rest of Sluice: pure functions from a job to an HTTP request and from an HTTP
 * response to an answer in OpenAI's format. Nothing here opens a socket, reads a clock or logs; shared code reads
 * these properties and never branches on a format's name.
 */
import type { Deployment, Endpoint, FailureClass, Usage } from '@sluice/job';

export type Body = Record<string, unknown>;

export interface Call {
  endpoint: Endpoint;
  /** The request in OpenAI's format, as the client sent it. Never changed. */
  body: Body;
  deployment: Deployment;
}

export interface ProviderRequest {
  method: 'POST';
  url: string;
  /** Lower-case names. Holds the API key: never log it. */
  headers: Record<string, string>;
  body: string;
}

export interface ProviderResponse {
  status: number;
  /** Lower-case names; repeated headers joined with ", ". */
  headers: Record<string, string>;
  text: string;
  /** When it arrived (ms since 1970): dates in headers are relative to it where the provider sends no `date`. */
  receivedAtMs?: number;
}

/**
 * How a call ended. `body` is always one line of valid JSON in OpenAI's format: the answer, or the error envelope.
 * `statusCode` is the provider's, except where a failure came inside HTTP 200: then the status it names; and 502 where that
 * is no status of an error (a redirect, a 304, a success without an answer): of a failure it is from 400 to 599.
 * `message` is for the ledger of attempts: at most 500 characters, keys masked, long quotations cut out.
 * `usage` of a failure is what the provider says it charged, null if it does not say. Either is as the provider says it:
 * ask `plausibleUsage` whether it can be true.
 */
export type Answer =
  | {
      outcome: 'ok';
      statusCode: number;
      body: string;
      usage: Usage | null;
      retryAfterMs: null;
      message: null;
    }
  | {
      outcome: FailureClass;
      statusCode: number;
      body: string;
      usage: Usage | null;
      /** The wait the provider asks for, ms; at most a minute; null if it does not say. */
      retryAfterMs: number | null;
      message: string;
      /** A success by its status, whose body is no answer: probably paid for. */
      unreadable?: true;
    };

export type FailedAnswer = Exclude<Answer, { outcome: 'ok' }>;

export interface Adapter {
  /** The name in the config: `providers.<id>.type`. */
  type: string;
  defaultBaseUrl: string;
  endpoints: readonly Endpoint[];
  /**
   * Names of the parameters of this body that the wire format cannot express; empty = fine; `['endpoint']` for an
   * endpoint it lacks. A parameter left null or set to its default says nothing and is always fine.
   */
  cannotSay(endpoint: Endpoint, body: Body): string[];
  /**
   * The HTTP request for a call. The caller's values win over the deployment's `params`; what the format cannot
   * say is left out, so ask {@link Adapter.cannotSay} first. Throws only on an endpoint it lacks.
   */
  buildRequest(call: Call): ProviderRequest;
  /** Reads any response, also malformed ones. Never throws. */
  readAnswer(endpoint: Endpoint, response: ProviderResponse): Answer;
}
