/** Headers that every answer has, whatever it is: its id, and what keeps browsers from guessing. */
import { newId } from '../idempotency.ts';

const SECURITY = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cache-control': 'no-store',
};

/** With a new id at each call. */
export const answerHeaders = (): Record<string, string> => ({
  'x-request-id': newId('req'),
  ...SECURITY,
});
