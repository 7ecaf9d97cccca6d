/**
 * Every error the API answers with: one table of codes. Messages name the field, the value found and what is allowed.
 * docs/errors.md is this table; a test keeps them equal.
 */

export interface ErrorEntry {
  status: number;
  type: ErrorType;
  /** `{name}` is filled in, `{name?}` where there is something to say. */
  message: string;
  /** What a client should do about it, for docs/errors.md. */
  advice: string;
  /** `never`: sent as `x-should-retry: false`; a number: seconds, sent as `retry-after`. */
  retry?: 'never' | number;
}

type ErrorType =
  | 'invalid_request_error'
  | 'authentication_error'
  | 'permission_error'
  | 'not_found_error'
  | 'rate_limit_error'
  | 'service_unavailable_error'
  | 'server_error';

const INVALID = 'invalid_request_error';
const UNAVAILABLE = 'service_unavailable_error';

export const ERRORS = {
  malformed_request: {
    status: 400,
    type: INVALID,
    message: 'The request is not valid HTTP/1.1: {reason}.',
    advice: 'Mend the client, or what stands between it and here. The connection is closed.',
  },
  invalid_json: {
    status: 400,
    type: INVALID,
    message: 'The request body is not valid JSON: {reason}.',
    advice: 'Send one JSON object, in UTF-8.',
  },
  invalid_type: {
    status: 400,
    type: INVALID,
    message: "Invalid type for '{field}': found {found}; allowed: {allowed}.",
    advice: 'Send the field in the type named.',
  },
  invalid_value: {
    status: 400,
    type: INVALID,
    message: "Invalid value for '{field}': found {found}; allowed: {allowed}.",
    advice: 'Send one of the values named.',
  },
  missing_required_parameter: {
    status: 400,
    type: INVALID,
    message: "Missing required parameter: '{field}'.{hint?}",
    advice: 'Add the field.',
  },
  unknown_parameter: {
    status: 400,
    type: INVALID,
    message: "Unknown parameter: '{field}'. Known here: {allowed}.",
    advice: 'Remove the field, or correct its spelling.',
  },
  unsupported_parameter: {
    status: 400,
    type: INVALID,
    message: "'{field}' cannot be used here: {reason}.",
    advice: 'Leave the parameter out, or name a pool whose deployments can express it.',
  },
  invalid_config: {
    status: 400,
    type: INVALID,
    message: 'The config was not taken; what was in force stays in force. {report}',
    advice: 'Mend what is listed in the config file, then reload again.',
    retry: 'never',
  },
  conflicting_models: {
    status: 400,
    type: INVALID,
    message: "'model' is {found} and 'body.model' is {other}; allowed: one of them, or both equal.",
    advice: 'Name the model once.',
  },
  invalid_file_format: {
    status: 400,
    type: INVALID,
    message: 'Invalid file format for Batch API. Must be .jsonl; found {found}.',
    advice: 'Send one JSON object per line, in a file whose name ends in .jsonl.',
  },
  invalid_file: {
    status: 400,
    type: INVALID,
    message: "'{field}' cannot be used: {reason}.",
    advice: 'Upload a file that fits and name that.',
  },
  invalid_form: {
    status: 400,
    type: INVALID,
    message: 'The form data cannot be read: {reason}.',
    advice: 'Send multipart/form-data, whole. Nothing was kept of what arrived.',
  },
  unreadable_body: {
    status: 400,
    type: INVALID,
    message: 'The request body cannot be read: {reason}.',
    advice: 'Send it whole, and compressed as `content-encoding` says.',
  },
  upload_incomplete: {
    status: 400,
    type: INVALID,
    message: 'The upload cannot be completed: {reason}.',
    advice: 'Complete it with the ids of all its parts, in order.',
  },
  invalid_api_key: {
    status: 401,
    type: 'authentication_error',
    message: '{reason} Send it as `Authorization: Bearer <key>` or as `x-api-key`.',
    advice: 'Send a key of the config’s tenants (or of `admin`, under /admin).',
    retry: 'never',
  },
  tenant_key_needed: {
    status: 403,
    type: 'permission_error',
    message:
      'This is a key of `admin`: it reads, cancels, pauses and deletes what is any tenant’s, and makes nothing. What is made needs the key of a tenant.',
    advice: 'Send a key of the tenant that the work is for.',
    retry: 'never',
  },
  admin_key_needed: {
    status: 403,
    type: 'permission_error',
    message: 'This is the key of a tenant: {path} needs one of the config’s admin.api_keys.',
    advice: 'Ask whoever runs this installation.',
    retry: 'never',
  },
  admin_closed: {
    status: 403,
    type: 'permission_error',
    message: '{path} is closed: the config has tenants, but no admin.api_keys.',
    advice: 'Add `admin: {api_keys: […]}` to the config.',
    retry: 'never',
  },
  forbidden_origin: {
    status: 403,
    type: 'permission_error',
    message: 'Without API keys only this machine may call: found {found}; allowed: {allowed}.',
    advice: 'Call http://127.0.0.1, not from a web page, or set up tenants with API keys.',
    retry: 'never',
  },
  model_not_found: {
    status: 404,
    type: INVALID,
    message: 'The model {found} does not exist. There are: {allowed}.',
    advice: 'Name a pool, an alias of one, or `deployment/<id>`.',
  },
  not_found: {
    status: 404,
    type: INVALID,
    message: 'No such {kind} object: {id}{hint?}',
    advice: 'It never was, was deleted, is past its retention, or is another tenant’s.',
  },
  unknown_url: {
    status: 404,
    type: INVALID,
    message: 'Unknown request URL: {method} {path}.{hint} /docs lists those there are.',
    advice: 'Check the base URL: OpenAI clients want it with /v1.',
  },
  method_not_allowed: {
    status: 405,
    type: INVALID,
    message: '{method} is not allowed for {path}; allowed: {allowed}.',
    advice: 'Use a method named in `allow`.',
  },
  idempotency_conflict: {
    status: 409,
    type: INVALID,
    message: 'This Idempotency-Key has made {id} from another request.',
    advice: 'Use a new key for a new request.',
    retry: 'never',
  },
  idempotency_in_progress: {
    status: 409,
    type: INVALID,
    message: 'A request with this Idempotency-Key is under way.',
    advice: 'Ask again: the answer will be that of the first.',
    retry: 1,
  },
  request_timeout: {
    status: 408,
    type: INVALID,
    message: 'The headers of a request did not come within {allowed} ms.',
    advice:
      'Send a request at once, without a pause. Nothing was made of what arrived: sending it again is safe.',
  },
  body_stalled: {
    status: 408,
    type: INVALID,
    message: "No byte of the request's body came for {allowed} ms, with more announced.",
    advice:
      'Send the whole body, however slowly, but without a pause as long as `server.body_idle_ms`. Nothing was made of what arrived: sending it again is safe.',
  },
  wrong_state: {
    status: 409,
    type: INVALID,
    message: '{id} is {found}; allowed: {allowed}.',
    advice: 'Terminal states never reopen: retry makes a new object.',
    retry: 'never',
  },
  file_in_use: {
    status: 409,
    type: INVALID,
    message: '{id} is the input of {batch}, which is {found}.',
    advice: 'Cancel the batch first, or let it end.',
    retry: 'never',
  },
  too_many_endpoints: {
    status: 409,
    type: INVALID,
    message: 'There are {found} webhook endpoints; allowed: {allowed}.',
    advice: 'Delete one that is not needed, or let one serve more event types.',
    retry: 'never',
  },
  webhook_test_failed: {
    status: 400,
    type: INVALID,
    message: 'The test event did not reach {id}: {reason}.',
    advice: 'Answer 2xx within 15 seconds, at an address that may be told (`webhooks.allow`).',
    retry: 'never',
  },
  too_large: {
    status: 413,
    type: INVALID,
    message: "'{field}' is larger than {allowed} bytes, {limit}.",
    advice: 'Send less, or raise the limit that is named in the config; that of a part is fixed.',
  },
  unsupported_media_type: {
    status: 415,
    type: INVALID,
    message: "Invalid value for 'content-type': found {found}; allowed: {allowed}.",
    advice: 'Set the header as named.',
  },
  headers_too_large: {
    status: 431,
    type: INVALID,
    message: 'The request line and the headers are larger than {allowed} bytes together.',
    advice: 'Send shorter headers, or fewer query parameters.',
    retry: 'never',
  },
  rate_limit_exceeded: {
    status: 429,
    type: 'rate_limit_error',
    message: 'Tenant {tenant} is over its limit {limit}: found {found}; allowed: {allowed}.',
    advice:
      'Nothing of it was accepted. Wait as long as `retry-after` says; where `x-should-retry` is false it will not fit within a minute.',
  },
  job_cancelled: {
    status: 409,
    type: INVALID,
    message: '{id} was cancelled.',
    advice: 'Somebody cancelled the job of this request.',
    retry: 'never',
  },
  job_expired: {
    status: 504,
    type: 'server_error',
    message: '{id} did not end before its deadline.',
    advice: 'Every deployment was busy, blocked or failing: see GET /v1/jobs/{id}.',
  },
  job_failed: {
    status: 502,
    type: 'server_error',
    message: '{id} failed: {reason}',
    advice:
      'Out of attempts, and no provider answered the last one; see its `attempts` in GET /v1/jobs/{id}. By what that one failed of, `code` and status are `rate_limited` 429, `overloaded` 503, `timeout` 504.',
    retry: 'never',
  },
  unsupported_transfer_coding: {
    status: 501,
    type: INVALID,
    message: 'A transfer-encoding of {found} is not understood; allowed: chunked.',
    advice: 'Say with `content-encoding` how a body is compressed. The connection is closed.',
    retry: 'never',
  },
  store_full: {
    status: 503,
    type: UNAVAILABLE,
    message: 'The store has no room for this now.',
    advice: 'Redis is out of memory or the disk is full; wait, or delete what is not needed.',
    retry: 30,
  },
  ledger_unavailable: {
    status: 503,
    type: UNAVAILABLE,
    message: 'The ledger (Redis) cannot be reached. Nothing was changed by this request.',
    advice: 'Try again.',
    retry: 1,
  },
  files_unavailable: {
    status: 503,
    type: UNAVAILABLE,
    message: 'The file store {trouble}.',
    advice:
      'It cannot be reached: try again; an upload that was cut off must be sent again. It refuses: whoever runs Sluice mends the credentials, the bucket or the folder, as the message says. It does not have a file: it may show late what was written; try again.',
    retry: 1,
  },
  fate_unknown: {
    status: 503,
    type: UNAVAILABLE,
    message:
      'The ledger (Redis) cannot be reached, and whether this request was accepted is unknown. Only with an Idempotency-Key is it safe to repeat it.{hint?}',
    advice:
      'Repeat with the same Idempotency-Key. Without one `x-should-retry` is false, so that no SDK repeats it by itself: look before repeating.',
    retry: 1,
  },
  change_unknown: {
    status: 503,
    type: UNAVAILABLE,
    message: 'The ledger (Redis) did not answer, and whether this was done is unknown.{hint?}',
    advice:
      'Ask again: done twice it is as done once, and what it was done to may then be gone (404) or already so (409). Where another time is not the same, the message says why and `x-should-retry` is false: look first.',
    retry: 1,
  },
  reload_unknown: {
    status: 503,
    type: UNAVAILABLE,
    message:
      'The ledger (Redis) cannot be reached, so the config was taken nowhere. Should Redis have heard of the reload all the same, all processes take it once Redis is back.',
    advice: 'Reload again: it may be repeated at any time.',
    retry: 1,
  },
  dry_run_unfinished: {
    status: 503,
    type: UNAVAILABLE,
    message: 'The file was not read to its end within {seconds} s. Nothing was kept.',
    advice:
      'No dispatcher runs, or the file is very large: try again, or create the batch, which is checked in the background.',
    retry: 30,
  },
  stopping: {
    status: 503,
    type: UNAVAILABLE,
    message: 'This process is stopping.',
    advice: 'Try again: another one takes over.',
    retry: 1,
  },
  no_usable_deployment: {
    status: 503,
    type: UNAVAILABLE,
    message: 'No deployment of {pool} takes calls now ({reason}). The job {id} {fate}.',
    advice:
      'Mend what the reasons name (a key, credit, a model name); `retry-after` is when one is tried again.',
    retry: 10,
  },
  answer_pending: {
    status: 503,
    type: UNAVAILABLE,
    message:
      'The answer is not there yet: {reason}. The job goes on: GET /v1/jobs/{id} has the answer.',
    advice:
      'Read the job named in `x-sluice-job-id`. Sent again with the same Idempotency-Key it is waited for again; without one it would be a second job, so `x-should-retry` is then false.',
    retry: 1,
  },
  internal_error: {
    status: 500,
    type: 'server_error',
    message: 'Something went wrong here. The log has it under this x-request-id.',
    advice: 'A mistake of ours: please report it with the log lines of the request id.',
  },
} as const satisfies Record<string, ErrorEntry>;
