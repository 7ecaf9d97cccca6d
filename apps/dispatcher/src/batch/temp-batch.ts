/** What the tests of this folder share: a store in a temporary folder, an installation's rules, input lines. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type FileStore, localStore } from '@sluice/files';
import type { BatchRules } from './check-line.ts';

export const OPENAI = 1;
export const ANTHROPIC = 2;

/** `fast` runs on both wire formats, `smart` on Anthropic's only, which cannot say `logprobs`. */
export const RULES: BatchRules = {
  maxLines: 1_000_000,
  maxLineBytes: 1_000_000,
  resolve(model) {
    if (model === 'fast' || model === 'gpt-4o-mini') return { kind: 'pool', pool: 'fast' };
    if (model === 'smart') return { kind: 'pool', pool: 'smart' };
    return { kind: 'unknown', known: ['fast', 'smart', 'gpt-4o-mini'] };
  },
  formatsFor(pool, endpoint, body) {
    const all = pool === 'fast' ? OPENAI | ANTHROPIC : ANTHROPIC;
    const plain = endpoint === '/v1/chat/completions' && body['logprobs'] === undefined;
    return plain ? all : all & OPENAI;
  },
  cannotSay: (_pool, _endpoint, body) => [body['logprobs'] === undefined ? 'endpoint' : 'logprobs'],
};

/** A valid line of input as an object, with what a test wants different. */
export const request = (
  customId: string,
  different: Record<string, unknown> = {},
): Record<string, unknown> => ({
  custom_id: customId,
  method: 'POST',
  url: '/v1/chat/completions',
  body: { model: 'fast', max_tokens: 10, messages: [{ role: 'user', content: 'Hi' }] },
  ...different,
});

export async function temporaryStore(t: TestContext): Promise<FileStore> {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-batch-'));
  const store = localStore(folder);
  t.after(async () => {
    await store.close();
    await rm(folder, { recursive: true });
  });
  return store;
}

export async function putText(store: FileStore, name: string, text: string): Promise<void> {
  const writing = await store.create(name);
  await writing.write(Buffer.from(text));
  await writing.commit();
}

/** The file's text, or null when there is none. */
export async function textOf(store: FileStore, name: string): Promise<string | null> {
  const size = await store.size(name);
  return size === null ? null : (await store.readAt(name, 0, size)).toString();
}
