// A file of requests in, a file of answers out. Run it beside `npm start`: node examples/batch.mjs
import OpenAI from 'openai';

const { SLUICE_URL, PORT = '8080' } = process.env;
const baseURL = SLUICE_URL ?? `http://127.0.0.1:${PORT}/v1`;
const client = new OpenAI({ baseURL, apiKey: process.env.SLUICE_KEY ?? 'any' });
const model = process.env.SLUICE_MODEL ?? 'fast';
const prompts = ['17 × 3?', 'Capital of France?', 'Name a prime above 100.'];
const lines = prompts.map((content, i) =>
  JSON.stringify({
    custom_id: `q-${i}`,
    method: 'POST',
    url: '/v1/chat/completions',
    body: { model, messages: [{ role: 'user', content }] },
  }),
);

const file = await client.files.create({
  file: new File([lines.join('\n')], 'prompts.jsonl'),
  purpose: 'batch',
});
let batch = await client.batches.create({
  input_file_id: file.id,
  endpoint: '/v1/chat/completions',
  completion_window: '24h',
});
while (!['completed', 'failed', 'expired', 'cancelled'].includes(batch.status)) {
  await new Promise((resolve) => setTimeout(resolve, 500));
  batch = await client.batches.retrieve(batch.id);
}
const { completed, failed } = batch.request_counts;
console.log(`${batch.status}: ${completed} answered, ${failed} failed`);
// What is wrong with the file itself, then what became of its lines.
for (const { line, message } of batch.errors?.data ?? []) console.log(`line ${line}: ${message}`);
for (const id of [batch.output_file_id, batch.error_file_id]) {
  if (id) console.log(await (await client.files.content(id)).text());
}
if (batch.status !== 'completed' || failed > 0) process.exitCode = 1;
