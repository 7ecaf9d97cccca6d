/** Whether a file can be a batch's input, by its name and its first bytes. Its lines are checked when the batch begins. */
import { refuse, show } from './errors.ts';

/** How much of a file is looked at. */
export const HEAD_BYTES = 65_536;

/**
 * OpenAI takes `.jsonl` only; its Python client names raw bytes `upload`, so a name without an extension is taken too
 * when the content looks like JSON lines. Throws 400.
 */
export function checkBatchContent(filename: string, head: Buffer, field: string): void {
  if (head.length === 0) {
    refuse('invalid_file', { param: field, values: { field, reason: 'it is empty' } });
  }
  const extension = /\.([^.]+)$/.exec(filename)?.[1]?.toLowerCase();
  if (extension === 'jsonl') return;
  if (extension === undefined && looksLikeJsonLines(head)) return;
  refuse('invalid_file_format', { param: field, values: { found: show(filename) } });
}

function looksLikeJsonLines(head: Buffer): boolean {
  const text = head
    .toString('utf8')
    .replace(/^\uFEFF/, '')
    .trimStart();
  if (!text.startsWith('{')) return false;
  const [first = '', ...rest] = text.split('\n');
  if (rest.length === 0 && head.length >= HEAD_BYTES) return true;
  try {
    return typeof JSON.parse(first) === 'object';
  } catch {
    return false;
  }
}
