/** docs/errors.md, made from the table of errors. */
import { ERRORS } from './error-table.ts';
import type { ErrorEntry } from './error-table.ts';

export function errorsPage(): string {
  const rows = Object.entries(ERRORS as Record<string, ErrorEntry>)
    .toSorted(([a, x], [b, y]) => x.status - y.status || (a < b ? -1 : 1))
    .map(([code, { status, message, advice, retry }]) => {
      const again = retry === undefined ? '' : retry === 'never' ? 'no' : `after ${retry} s`;
      return `| ${status} | \`${code}\` | ${message.replaceAll(/\{\w+\?\}/g, '')} | ${advice} | ${again} |`;
    });
  return [
    '# Errors',
    '',
    'Every error is OpenAI’s envelope, `{"error": {"message", "type", "param", "code"}}`, with `x-request-id` in the',
    'headers. `param` names the field. Generated from `apps/api/src/error-table.ts`.',
    '',
    'The synchronous endpoints (`/v1/chat/completions` and its siblings) pass on what the provider answered, its status and its body untouched, with',
    '`x-sluice-job-id`: an answer, or the last failure, once the job is out of attempts or of a kind that no other attempt mends (a request that is',
    'refused as wrong). A failure comes with `x-should-retry: false`: it was tried again already (`GET /v1/jobs/{id}` has the attempts), and an SDK that did',
    'so by its status would make another job. Where no provider answered it is `job_failed`, `job_expired` or another of these:',
    '',
    '| status | code | message | what to do | retry |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
