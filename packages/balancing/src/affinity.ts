/**
 * What keeps jobs together, read off a request in OpenAI's format: who it belongs to, and how its prompt begins. Providers
 * cache prompts of at least 1,024 tokens, so a shorter one has no beginning worth following (facts: cache-aware routing).
 */
import { createHash } from 'node:crypto';
import { hashText } from './rendezvous.ts';

export interface Affinity {
  affinityKey: string | null;
  /** A digest: nothing of the prompt can be read off it. */
  prefixKey: string | null;
}

/** 1,024 tokens at four characters each. */
const PREFIX_CHARACTERS = 4_096;

/** The keys of a job; `explicit` is its own `affinity_key`, which goes before everything in the body. */
export function affinityOf(
  explicit: string | null,
  body: Readonly<Record<string, unknown>>,
): Affinity {
  const key =
    named('key', explicit) ??
    named('cache', body['prompt_cache_key']) ??
    userOf(body) ??
    conversationOf(body);
  return { affinityKey: key, prefixKey: prefixOf(body) };
}

/** What keeps a job at its home, as 32 bits: its key, else how its prompt begins; null = nothing does. */
export function keyHashOf({ affinityKey, prefixKey }: Partial<Affinity>): number | null {
  const key = affinityKey ?? prefixKey ?? null;
  return key === null ? null : hashText(key);
}

/** Kinds are kept apart: the user `7` is not the conversation `7`. */
const named = (kind: string, value: unknown): string | null =>
  typeof value === 'string' && value !== '' ? `${kind}:${value}` : null;

const userOf = (body: Readonly<Record<string, unknown>>): string | null =>
  named('user', body['user']) ?? named('user', body['safety_identifier']);

function conversationOf({ conversation }: Readonly<Record<string, unknown>>): string | null {
  const id =
    conversation !== null && typeof conversation === 'object' && 'id' in conversation
      ? conversation.id
      : conversation;
  return named('conversation', id);
}

function prefixOf({
  instructions,
  messages,
  input,
  prompt,
}: Readonly<Record<string, unknown>>): string | null {
  let text = '';
  for (const part of [instructions, messages, input, prompt].flat()) {
    if (text.length >= PREFIX_CHARACTERS) break;
    if (part !== undefined) text += JSON.stringify(part);
  }
  if (text.length < PREFIX_CHARACTERS) return null;
  return createHash('sha256').update(text.slice(0, PREFIX_CHARACTERS)).digest('hex').slice(0, 16);
}
