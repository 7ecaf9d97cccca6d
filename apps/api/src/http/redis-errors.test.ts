import assert from 'node:assert/strict';
import { test } from 'node:test';
import { storeError } from './redis-errors.ts';
import { READS } from './stake.ts';

const codeOf = (error: unknown): string | undefined => storeError(error, READS)?.code;

test('what Redis and its client say when it is away or full is told from our own mistakes', () => {
  const away = [
    'Command aborted due to connection close',
    'Socket timeout. Expecting data, but didn’t receive any in 3000ms.',
    'Failed to refresh slots cache.',
    'All sentinels are unreachable. Retrying from scratch after 10ms.',
    'connect EHOSTUNREACH 10.0.0.1:6379',
    'EXECABORT Transaction discarded because of previous errors.',
    'NOREPLICAS Not enough good replicas to write.',
  ];
  for (const message of away)
    assert.equal(codeOf(new Error(message)), 'ledger_unavailable', message);
  const answered = storeError(new Error(away[0]), READS);
  assert.deepEqual([answered?.status, answered?.headers['retry-after']], [503, '1']);
  assert.equal(codeOf(new Error('OOM command not allowed')), 'store_full');
  for (const message of ['ERR wrong number of arguments', 'x is not a function'])
    assert.equal(codeOf(new Error(message)), undefined, message);
});
