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
    '| status | code | message | what to do | retry |',
    '|---|---|---|---|---|',
    ...rows,
    '',
  ].join('\n');
}
