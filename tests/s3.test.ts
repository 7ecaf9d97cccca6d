/** A batch end to end over real processes whose files lie in a bucket: nothing on the local disk, and every line once. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import OpenAI, { toFile } from 'openai';
import {
  System,
  chatBody,
  chatLine,
  endOfBatch,
  findS3Server,
  rowsOf,
  startS3,
  until,
  standStill,
} from '@sluice/testing';
import type { TestS3 } from '@sluice/testing';

const skip =
  findS3Server() === null &&
  'no S3-compatible server here: sh scripts/setup/s3-server.sh installs it';

const configOf = (server: TestS3): string => `
providers:
  a: { type: openai, base_url: "{{simulator}}/v1", api_key: key-a }
deployments:
  a: { provider: a, model: sim, limits: { rpm: 6000 } }
pools:
  maths: [a]
files:
  store: s3
  bucket: ${server.bucket}
  prefix: system/
  endpoint: ${server.endpoint}
  access_key_id: ${server.accessKeyId}
  secret_access_key: \${S3_SECRET}
`;
const SIMULATOR = {
  seed: 3,
  accounts: {
    a: {
      key: 'key-a',
      format: 'openai',
      window: 'bucket_1s',
      answer: 'echo',
      limits: { rpm: 6000 },
    },
  },
};
const LINES = 200;

void describe('a system with its files in a bucket', { skip }, () => {
  let server: TestS3;
  let system: System;
  let client: OpenAI;
  before(async () => {
    server = await startS3();
    system = await System.start({
      config: configOf(server),
      simulator: SIMULATOR,
      env: { S3_SECRET: server.secretAccessKey },
    });
    client = new OpenAI({ baseURL: `${system.apiUrl}/v1`, apiKey: 'any', maxRetries: 0 });
  });
  after(async () => {
    await system.stop();
    await server.stop();
  });

  const upload = async (text: string) =>
    client.files.create({ file: await toFile(Buffer.from(text), 'in.jsonl'), purpose: 'batch' });

  void test('a batch is drained, every line once', async () => {
    const ids = Array.from({ length: LINES }, (_, n) => `s-${n}`);
    const lines = ids.map((id) => chatLine(id, chatBody(id, { model: 'maths', max_tokens: 9 })));
    const file = await upload(`${lines.join('\n')}\n`);
    const { id } = await client.batches.create({
      input_file_id: file.id,
      endpoint: '/v1/chat/completions',
      completion_window: '24h',
    });
    const batch = await endOfBatch(system.apiUrl, id);
    assert.deepEqual(batch.request_counts, { total: LINES, completed: LINES, failed: 0 });
    const text = await (await client.files.content(batch.output_file_id as string)).text();
    const got = rowsOf<{ custom_id: string }>(text).map((row) => row.custom_id);
    assert.deepEqual(got.toSorted(), ids.toSorted());
    assert.equal(existsSync(join(system.folder, 'files')), false, 'nothing lies on the local disk');
  });

  void test('while the bucket hangs an upload is 503, and it is taken when it is back', async () => {
    await standStill(server.pid);
    try {
      const { data } = await client.files.list();
      const [first] = data;
      const answer = await fetch(`${system.apiUrl}/v1/files/${first?.id}/content`);
      assert.equal(answer.status, 503);
      assert.equal(
        ((await answer.json()) as { error: { code: string } }).error.code,
        'files_unavailable',
      );
    } finally {
      process.kill(server.pid, 'SIGCONT');
    }
    await until('an upload is taken', () =>
      upload('{}\n').then(
        () => true,
        () => false,
      ),
    );
  });
});
