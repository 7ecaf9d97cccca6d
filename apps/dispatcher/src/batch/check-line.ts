/**
 * Checks one line of a batch's input, `{custom_id, method, url, body}`, and finds out who can run it. The line's JSON
 * is parsed once, here. Only its first mistake is told.
 */
import { csvAdvice, jsonLine } from '@sluice/files';
import type { Line } from '@sluice/files';
import { DEEPEST_JSON, ENDPOINTS, findWanting, isTooDeep, measure } from '@sluice/job';
import type { Endpoint, Shape } from '@sluice/job';
import { didYouMean } from '@sluice/config';
import { type LineError, invalid, missing, quote, quoteAll, wrongType } from './line-errors.ts';

type Body = Record<string, unknown>;

/** What an installation allows. */
export interface BatchRules {
  maxLines: number;
  maxLineBytes: number;
  /** Finds who serves a line with this `model`, and which route says so; `known` = what could have been named. */
  resolve: (
    model: string,
    line: RoutedLine,
  ) =>
    | { kind: 'pool'; pool: string; routedBy?: string | null }
    | { kind: 'unknown'; known: readonly string[] };
  /** Bit per wire format that can say this request in this pool; 0 = none can. */
  formatsFor: (pool: string, endpoint: Endpoint, body: Body) => number;
  /** What keeps the line together with others, as 32 bits, where its pool lets lines travel by that; undefined = it does not. */
  keyOf?: (pool: string, body: Body) => number | null | undefined;
  /** The parameters that stand in the way when none can; `endpoint` when it is the endpoint itself. */
  cannotSay: (pool: string, endpoint: Endpoint, body: Body) => readonly string[];
  /** What is wrong with a batch whose lines go to these pools; null = nothing. */
  ofAll?: (pools: readonly string[]) => LineError | null;
}

/** What a line's pool may depend on besides its model. */
interface RoutedLine {
  customId: string;
  endpoint: Endpoint;
  body: Body;
  shape: Shape;
}

/** A line that can be run. */
export interface Request {
  pool: string;
  formats: number;
  shape: Shape;
  /** As {@link BatchRules.keyOf} has it. */
  key?: number | null;
}

export type Checked =
  | { kind: 'request'; customId: string; request: Request }
  /** `customId` where the line has a usable one: it still counts as used. */
  | { kind: 'mistake'; customId: string | null; error: LineError };

export interface LineChecker {
  check(line: Line): Checked;
  /** The endpoint of the batch, given or taken from the first line that names one; null before that. */
  endpoint(): Endpoint | null;
}

const LONGEST_CUSTOM_ID = 512;
const NEVER_DROPPED = new Set(['messages', 'stream']);
const DROPPING = ' Leave it out, or let its deployments leave it out: drop_params in the config.';

/** `endpoint` null: the first line with a usable `url` decides. */
export function lineChecker(given: Endpoint | null, rules: BatchRules): LineChecker {
  let endpoint = given;
  return {
    endpoint: () => endpoint,
    check(line) {
      const parsed = parse(line, rules.maxLineBytes);
      if (parsed.kind === 'error') return { kind: 'mistake', customId: null, error: parsed.error };
      endpoint ??= asEndpoint(parsed.value['url']);
      return checkFields(parsed.value, endpoint, rules);
    },
  };
}

function checkFields(value: Body, endpoint: Endpoint | null, rules: BatchRules): Checked {
  const idError = checkCustomId(value['custom_id']);
  const customId = idError === null ? (value['custom_id'] as string) : null;
  const error =
    idError ??
    checkMethod(value['method']) ??
    checkUrl(value['url'], endpoint) ??
    checkBody(value['body']);
  if (error !== null || customId === null || endpoint === null) {
    return { kind: 'mistake', customId, error: error ?? missing('url') };
  }
  const found = findRunners({ customId, endpoint, body: value['body'] as Body }, rules);
  return 'code' in found
    ? { kind: 'mistake', customId, error: found }
    : { kind: 'request', customId, request: found };
}

type Parsed = { kind: 'value'; value: Body } | { kind: 'error'; error: LineError };

function parse({ line, bytes, length, problem }: Line, maxLineBytes: number): Parsed {
  if (problem === 'too_long') {
    const error = invalid(
      null,
      `This line has ${length} bytes; at most ${maxLineBytes} are allowed.`,
    );
    return { kind: 'error', error };
  }
  if (problem === 'not_utf8') return notJson('This line is not valid UTF-8.');
  const parsed = jsonLine(bytes.toString());
  if (parsed.kind === 'object') return { kind: 'value', value: parsed.value };
  if (!parsed.isJson) {
    // Of the others there is nothing new to say.
    const advice = line === 1 ? csvAdvice(bytes.toString()) : '';
    return notJson(`${parsed.says}${advice}`);
  }
  return { kind: 'error', error: invalid(null, parsed.says) };
}

const notJson = (message: string): Parsed => ({
  kind: 'error',
  error: { code: 'invalid_json_line', message, param: null },
});

function checkCustomId(value: unknown): LineError | null {
  if (value === undefined) return missing('custom_id');
  if (typeof value !== 'string') return wrongType('custom_id', 'a string', value);
  if (value.length >= 1 && value.length <= LONGEST_CUSTOM_ID) return null;
  const allowed = `expected a string of 1 to ${LONGEST_CUSTOM_ID} characters`;
  return invalid('custom_id', `Invalid 'custom_id': ${allowed}, found ${value.length}.`);
}

function checkMethod(value: unknown): LineError | null {
  if (value === undefined) return missing('method');
  if (value === 'POST') return null;
  return invalid('method', `Invalid 'method': expected "POST", found ${quote(value)}.`);
}

function checkUrl(value: unknown, endpoint: Endpoint | null): LineError | null {
  if (value === undefined) return missing('url');
  if (typeof value !== 'string') return wrongType('url', 'a string', value);
  if (value === endpoint) return null;
  const allowed =
    endpoint === null
      ? `is none of the supported ones: ${quoteAll(ENDPOINTS)}.`
      : `does not match the batch endpoint ${quote(endpoint)}.`;
  const message = `The URL ${quote(value)} provided for this request ${allowed}`;
  return { code: 'invalid_url', message, param: 'url' };
}

function checkBody(value: unknown): LineError | null {
  if (value === undefined) return missing('body');
  if (!isObject(value)) return wrongType('body', 'an object', value);
  if (isTooDeep(value))
    return invalid('body', `'body' is nested deeper than ${DEEPEST_JSON} levels.`);
  const { model, stream } = value;
  if (model === undefined) return missing('body.model');
  if (typeof model !== 'string') return wrongType('body.model', 'a string', model);
  if (stream === undefined || stream === null || stream === false) return null;
  return {
    code: 'streaming_unsupported',
    message: `Streaming is not supported in batches: 'body.stream' must be false or absent, found ${quote(stream)}.`,
    param: 'body.stream',
  };
}

/** What the endpoint cannot do without. */
function checkNeeded(endpoint: Endpoint, body: Body): LineError | null {
  const wanting = findWanting(endpoint, body);
  if (wanting === null) return null;
  const { field, absent, allowed } = wanting;
  const param = `body.${field}`;
  if (!absent) return invalid(param, `Invalid '${param}': expected ${allowed}.`);
  const meant = didYouMean(field, Object.keys(body));
  const error = missing(param);
  if (meant === null) return error;
  return {
    ...error,
    message: `${error.message} Found 'body.${quote(meant).slice(1, -1)}': did you mean '${param}'?`,
  };
}

function findRunners(line: Omit<RoutedLine, 'shape'>, rules: BatchRules): Request | LineError {
  const { endpoint, body } = line;
  const model = body['model'] as string;
  const shape = measure(endpoint, body);
  const named = rules.resolve(model, { ...line, shape });
  if (named.kind === 'unknown') {
    const message = `The model ${quote(model)} does not exist. There are: ${quoteAll(named.known)}.`;
    return { code: 'model_not_found', message, param: 'body.model' };
  }
  const formats = rules.formatsFor(named.pool, endpoint, body);
  if (formats === 0)
    return nobodyCanSay({ ...named, model }, endpoint, rules.cannotSay(named.pool, endpoint, body));
  const key = rules.keyOf?.(named.pool, body);
  const request = { pool: named.pool, formats, shape, ...(key !== undefined && { key }) };
  return checkNeeded(endpoint, body) ?? request;
}

interface Named {
  model: string;
  pool: string;
  routedBy?: string | null;
}

function nobodyCanSay(
  { model, pool, routedBy }: Named,
  endpoint: Endpoint,
  params: readonly string[],
): LineError {
  const none = `No deployment of the ${routedBy ? `pool ${quote(pool)}` : `model ${quote(model)}`}`;
  const why = routedBy ? ` (${routedBy})` : '';
  const [first] = params;
  if (first === undefined || params.includes('endpoint')) {
    return invalid('url', `${none} serves ${endpoint}${why}.`);
  }
  const hint = params.some((param) => NEVER_DROPPED.has(param)) ? '' : DROPPING;
  const message = `${none} supports ${quoteAll(params)}${why}.${hint}`;
  return { code: 'unsupported_parameter', message, param: `body.${first}` };
}

const isObject = (value: unknown): value is Body =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const asEndpoint = (value: unknown): Endpoint | null =>
  ENDPOINTS.find((endpoint) => endpoint === value) ?? null;
