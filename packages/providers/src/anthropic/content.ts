/** OpenAI's message content (a string, or a list of parts) as Anthropic's content blocks. */
import { asString, isObject } from '../json.ts';
import type { JsonObject } from '../json.ts';

export type Block = { type: string } & JsonObject;
/** Called with the name of what cannot be said; what it names is left out. */
export type Report = (name: string) => void;

const IMAGE_TYPES = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/** Null and empty content become no block at all. */
export function translateContent(content: unknown, role: string, report: Report): Block[] {
  if (content === null || content === undefined) return [];
  if (typeof content === 'string') return content === '' ? [] : [{ type: 'text', text: content }];
  if (!Array.isArray(content)) {
    report('messages');
    return [];
  }
  return (content as unknown[]).flatMap((part) => {
    const block = isObject(part) ? translatePart(part, role, report) : unsaid('messages', report);
    return block ? [block] : [];
  });
}

function translatePart(part: JsonObject, role: string, report: Report): Block | null {
  switch (part['type']) {
    case 'text':
      return textBlock(part, part['text'], report);
    case 'refusal':
      return textBlock(part, part['refusal'], report);
    case 'image_url':
      return role === 'user' ? imageBlock(part['image_url'], report) : unsaid('image_url', report);
    default:
      // `input_audio`, `file` and whatever comes: named by its type.
      return unsaid(asString(part['type']) ?? 'messages', report);
  }
}

/** `cache_control` is Anthropic's own mark for a prompt's cached prefix, and is passed on. */
function textBlock(part: JsonObject, text: unknown, report: Report): Block | null {
  if (text === '') return null;
  if (typeof text !== 'string') return unsaid('messages', report);
  const cache = part['cache_control'];
  return { type: 'text', text, ...(isObject(cache) ? { cache_control: cache } : {}) };
}

/** Anthropic reads every picture in full, so `detail: low` is something it cannot say. */
function imageBlock(image: unknown, report: Report): Block | null {
  const { url, detail } = isObject(image) ? image : {};
  if (detail === 'low') report('image_url.detail');
  const source = typeof url === 'string' ? imageSource(url) : null;
  return source ? { type: 'image', source } : unsaid('image_url', report);
}

function imageSource(url: string): JsonObject | null {
  if (/^https?:\/\//i.test(url)) return { type: 'url', url };
  const [head, mediaType = ''] = /^data:([\w.+-]+\/[\w.+-]+);base64,/i.exec(url) ?? [];
  if (head === undefined || !IMAGE_TYPES.includes(mediaType.toLowerCase())) return null;
  return { type: 'base64', media_type: mediaType.toLowerCase(), data: url.slice(head.length) };
}

function unsaid(name: string, report: Report): null {
  report(name);
  return null;
}
