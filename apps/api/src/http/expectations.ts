/**
 * `Expect`: a client that asks before it sends its body is told at once where that is too large, instead of sending all of it first.
 * What else it may expect is none of our business: to us it is a request like any other.
 */
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import { ApiError, envelope } from '../errors.ts';
import { ROUTES } from '../routes.ts';
import { BODY_LIMIT, FILE_LIMIT, MOST_PART_BYTES, PART_LIMIT } from '../size-limits.ts';
import { answerHeaders } from './answer-headers.ts';
import { isJsonLines } from './request-body.ts';
import { writeReply } from './write-reply.ts';

interface Limits {
  maxBodyBytes: number;
  maxFileBytes: number;
}

/** To be called before the server listens. `limits`: those in force now. */
export function answerExpectations(server: Server, limits: () => Limits): void {
  server.on('checkExpectation', (request, response) => server.emit('request', request, response));
  server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
    const limit = limitOf(request, limits());
    if (limit === null || Number(request.headers['content-length'] ?? 0) <= limit.most) {
      response.writeContinue();
      server.emit('request', request, response);
    } else {
      refuseBody(response, limit);
    }
  });
}

interface Limit {
  field: string;
  allowed: number;
  limit: string;
  /** Of the whole body. */
  most: number;
}

/** What stands around a file in a form: borders, headers, other fields. */
const FORM_BYTES = 1024 * 1024;

const inForm = (field: string, allowed: number, limit: string): Limit => ({
  field,
  allowed,
  limit,
  most: allowed + FORM_BYTES,
});

function limitOf(request: IncomingMessage, { maxBodyBytes, maxFileBytes }: Limits): Limit | null {
  const path = request.url?.split('?')[0] ?? '';
  const method = request.method?.toLowerCase();
  const route = ROUTES.find((one) => one.method === method && matches(one.path, path));
  if (route?.takes === undefined) return null;
  if (route.takes === 'form')
    return path.endsWith('/parts')
      ? inForm('data', MOST_PART_BYTES, PART_LIMIT)
      : inForm('file', maxFileBytes, FILE_LIMIT);
  const lines = route.takes === 'json_or_lines' && isJsonLines(request.headers['content-type']);
  const allowed = lines ? maxFileBytes : maxBodyBytes;
  return { field: 'body', allowed, limit: lines ? FILE_LIMIT : BODY_LIMIT, most: allowed };
}

/** `:id` stands for any one segment. */
function matches(pattern: string, path: string): boolean {
  const [wanted, found] = [pattern.split('/'), path.split('/')];
  return (
    wanted.length === found.length &&
    wanted.every((part, i) => part === found[i] || part.startsWith(':'))
  );
}

/** The body stays where it is: the connection's next bytes could be its beginning or another request, so it ends here. */
function refuseBody(response: ServerResponse, { field, ...limit }: Limit): void {
  const error = new ApiError('too_large', { param: field, values: { field, ...limit } });
  const headers = { ...answerHeaders(), connection: 'close' };
  const reply = { status: error.status, headers, body: envelope(error) };
  void writeReply(response, reply, { head: false });
}
