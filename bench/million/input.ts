/** The batch of `bench:million`: lines of equal length made one by one, sent in parts, and its output read back. */
import { chatBody, chatLine } from '@sluice/testing';
import type { System } from '@sluice/testing';
import { LineSet, readLines } from '@sluice/files';

const LINES_PER_PART = 50_000;
const PADDING = 'x'.repeat(120);

function lineOf(i: number): string {
  const number = String(i).padStart(8, '0');
  const body = chatBody(`${number} ${PADDING}`, { model: 'fast', max_tokens: 16 });
  return `${chatLine(`line-${number}`, body)}\n`;
}

function partOf(from: number, to: number): Blob {
  const lines: string[] = [];
  for (let i = from; i < to; i++) lines.push(lineOf(i));
  return new Blob([lines.join('')]);
}

/** Sends a JSON text or a form; resolves with the answer, throws when it is no success. */
export async function send<T>(url: string, method: string, content?: object): Promise<T> {
  const form = content instanceof FormData;
  const json = content !== undefined && !form;
  const response = await fetch(url, {
    method,
    ...(json ? { headers: { 'content-type': 'application/json' } } : {}),
    ...(content === undefined ? {} : { body: form ? content : JSON.stringify(content) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${url}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text) as T;
}

/** Uploads `lines` lines by `/v1/uploads` and creates the batch; its id. */
export async function createBatch(api: string, lines: number): Promise<string> {
  const bytes = Buffer.byteLength(lineOf(0)) * lines;
  const about = { filename: 'million.jsonl', purpose: 'batch', mime_type: 'application/jsonl' };
  const upload = await send<{ id: string }>(`${api}/v1/uploads`, 'POST', { ...about, bytes });
  const parts: string[] = [];
  for (let from = 0; from < lines; from += LINES_PER_PART) {
    const form = new FormData();
    form.append('data', partOf(from, Math.min(lines, from + LINES_PER_PART)));
    const part = await send<{ id: string }>(`${api}/v1/uploads/${upload.id}/parts`, 'POST', form);
    parts.push(part.id);
  }
  const done = await send<{ file: { id: string } }>(
    `${api}/v1/uploads/${upload.id}/complete`,
    'POST',
    { part_ids: parts },
  );
  const wanted = { endpoint: '/v1/chat/completions', completion_window: '24h' };
  const batch = { ...wanted, input_file_id: done.file.id };
  return (await send<{ id: string }>(`${api}/v1/batches`, 'POST', batch)).id;
}

export interface OutputCount {
  /** Different lines that succeeded. */
  lines: number;
  repeated: number;
  /** Neither one of the lines nor a success. */
  strange: number;
}

/** Reads the output file as it comes and counts which lines are in it. */
export async function countOutput(system: System, fileId: string): Promise<OutputCount> {
  const response = await fetch(`${system.apiUrl}/v1/files/${fileId}/content`);
  if (!response.ok || !response.body) throw new Error(`the output: ${response.status}`);
  const seen = new LineSet();
  const count = { lines: 0, repeated: 0, strange: 0 };
  const chunks = response.body as unknown as AsyncIterable<Uint8Array>;
  for await (const lines of readLines(buffers(chunks))) {
    for (const { bytes } of lines) {
      const text = bytes.toString();
      const number = /"custom_id":"line-(\d{8})"/.exec(text)?.[1];
      if (number === undefined || !text.includes('"status_code":200')) count.strange += 1;
      else if (!seen.add(Number(number))) count.repeated += 1;
    }
  }
  return { ...count, lines: seen.count };
}

async function* buffers(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) yield Buffer.from(chunk);
}
