import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { startSink } from '@sluice/testing';
import { s3Store } from './s3-store.ts';
import { StoreRefuses } from './store.ts';

const SECRET = 'very-secret';

const errorXml = (code: string): string =>
  `<?xml version="1.0"?><Error><Code>${code}</Code><Message>no</Message></Error>`;

/** A store whose every request is answered with this. */
async function refusing(t: TestContext, status: number, body: string) {
  const sink = await startSink((_request, response) => {
    response.writeHead(status, { 'content-type': 'application/xml' }).end(body);
  });
  const store = s3Store(
    {
      bucket: 'some-bucket',
      prefix: '',
      region: 'us-east-1',
      endpoint: sink.url,
      pathStyle: true,
      credentials: { accessKeyId: 'some-key', secretAccessKey: SECRET },
    },
    'serving',
  );
  t.after(async () => {
    await store.close();
    await sink.stop();
  });
  return store;
}

const refusal =
  (advice: RegExp) =>
  (error: unknown): boolean =>
    error instanceof StoreRefuses && advice.test(error.advice) && !error.message.includes(SECRET);

for (const [status, code, advice] of [
  [404, 'NoSuchBucket', /no such bucket; make it, or correct `files\.bucket`/],
  [403, 'AccessDenied', /access is denied; allow s3:GetObject, PutObject/],
  [403, 'InvalidAccessKeyId', /correct `files\.access_key_id`/],
  [403, 'SignatureDoesNotMatch', /correct `files\.secret_access_key`/],
  [403, 'OfAnotherStore', /access is denied/],
] as const)
  void test(`${status} ${code} to a write or a read is a refusal that says what to do`, async (t) => {
    const store = await refusing(t, status, errorXml(code));
    const writing = await store.create('files/a');
    await writing.write(Buffer.from('x'));
    await assert.rejects(writing.commit(), refusal(advice));
    await assert.rejects(store.readAt('files/a', 0, 1), refusal(advice));
  });

void test('an answer without a body is a refusal too', async (t) => {
  const store = await refusing(t, 403, '');
  await assert.rejects(async () => store.size('files/a'), refusal(/^access is denied/));
});
