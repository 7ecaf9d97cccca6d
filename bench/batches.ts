/** Batches as the benchmarks post them. */
import { openAsBlob } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { chatLine, until } from '@sluice/testing';
import type { System } from '@sluice/testing';

interface BatchObject {
  id: string;
  status: string;
  request_counts: { total: number; completed: number; failed: number };
}

const LINES_AT_ONCE = 1_000;
const ENDS = new Set(['completed', 'failed', 'expired', 'cancelled']);
const SHOWN_EVERY_MS = 10_000;

/** Writes the chat requests as one batch file, posts it and returns the batch's id. */
export async function postBatch(system: System, bodies: Iterable<object>): Promise<string> {
  const path = join(system.folder, `input-${Date.now()}.jsonl`);
  await writeLines(path, bodies);
  const form = new FormData();
  form.set('purpose', 'batch');
  form.set('file', await openAsBlob(path), 'input.jsonl');
  const file = await post(system, '/v1/files', form);
  const order = { input_file_id: file.id, endpoint: CHAT, completion_window: '24h' };
  return (await post(system, '/v1/batches', JSON.stringify(order))).id;
}

/** Waits for the batch's end, however it ends; says how far it is about every ten seconds. */
export async function ended(system: System, id: string): Promise<BatchObject> {
  const started = Date.now();
  let shown = started;
  const look = async (): Promise<BatchObject | null> => {
    const response = await fetch(`${system.apiUrl}/v1/batches/${id}`);
    const batch = (await response.json()) as BatchObject;
    if (ENDS.has(batch.status)) return batch;
    if (Date.now() - shown >= SHOWN_EVERY_MS) {
      shown = Date.now();
      const { completed, total } = batch.request_counts;
      const seconds = ((shown - started) / 1_000).toFixed(0).padStart(4);
      console.log(`${seconds} s  ${completed} of ${total} done`);
    }
    return null;
  };
  return until('the batch', look, { timeoutMs: 900_000, everyMs: 500 });
}

const CHAT = '/v1/chat/completions';

async function writeLines(path: string, bodies: Iterable<object>): Promise<void> {
  const file = await open(path, 'w');
  let lines: string[] = [];
  let count = 0;
  const flush = async (): Promise<void> => {
    if (lines.length > 0) await file.write(`${lines.join('\n')}\n`);
    lines = [];
  };
  for (const body of bodies) {
    lines.push(chatLine(`r-${count}`, body));
    count += 1;
    if (lines.length === LINES_AT_ONCE) await flush();
  }
  await flush();
  await file.close();
}

async function post(
  { apiUrl }: System,
  path: string,
  body: FormData | string,
): Promise<{ id: string }> {
  const headers: Record<string, string> =
    typeof body === 'string' ? { 'content-type': 'application/json' } : {};
  const response = await fetch(`${apiUrl}${path}`, { method: 'POST', body, headers });
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return (await response.json()) as { id: string };
}
