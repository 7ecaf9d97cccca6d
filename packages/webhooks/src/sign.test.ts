import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import OpenAI from 'openai';
import { Webhook } from 'standardwebhooks';
import { isSecret, makeSecret, signHeaders } from './sign.ts';

const anySecret = fc.uint8Array({ minLength: 24, maxLength: 64 }).map(makeSecret);
const anyId = fc.stringMatching(/^evt_[0-9a-f]{32}$/);

test('the example of the Standard Webhooks libraries', () => {
  const headers = signHeaders(
    {
      id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
      at: 1_614_265_330_000,
      body: '{"test": 2432232314}',
    },
    ['whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw'],
  );
  assert.deepEqual(headers, {
    'webhook-id': 'msg_p5jXN8AQM9LWM0D4loKWxJek',
    'webhook-timestamp': '1614265330',
    'webhook-signature': 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
  });
});

test('both verifiers accept every body under every live secret, and no other', async () => {
  const openai = new OpenAI({ apiKey: 'unused' });
  const bodies = fc.json();
  await fc.assert(
    fc.asyncProperty(
      anyId,
      bodies,
      fc.uniqueArray(anySecret, { minLength: 2, maxLength: 4 }),
      async (id, body, [stranger, ...live]) => {
        const headers = signHeaders({ id, at: Date.now(), body }, live);
        for (const secret of live) {
          assert.deepEqual(new Webhook(secret).verify(body, { ...headers }), JSON.parse(body));
          assert.deepEqual(
            await openai.webhooks.unwrap(body, { ...headers }, secret),
            JSON.parse(body),
          );
        }
        assert.throws(() => new Webhook(stranger as string).verify(body, { ...headers }));
        assert.throws(() => new Webhook(live[0] as string).verify(`${body} `, { ...headers }));
      },
    ),
    { numRuns: 50 },
  );
});

const bytes = (count: number): string => Buffer.alloc(count, 250).toString('base64');

test('what is a secret', () => {
  assert.equal(isSecret(`whsec_${bytes(24)}`), true);
  assert.equal(isSecret(`whsec_${bytes(64)}`), true);
  for (const text of [
    '',
    'whsec_',
    bytes(32),
    `whsec_${bytes(23)}`,
    `whsec_${bytes(65)}`,
    'whsec_not base64 at all, not base64!',
    `whsk_${bytes(32)}`,
  ]) {
    assert.equal(isSecret(text), false, text);
  }
});

test('a secret that cannot be used is refused without being repeated', () => {
  const event = { id: 'evt_1', at: 0, body: '{}' };
  assert.throws(() => signHeaders(event, []), TypeError);
  assert.throws(() => makeSecret(new Uint8Array(8)), RangeError);
  assert.throws(
    () => signHeaders(event, ['hunter2']),
    (error: Error) => !error.message.includes('hunter2'),
  );
});
