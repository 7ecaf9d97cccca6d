/** What a request's body asks for beyond text: tools, images, a JSON schema. */

type Body = Record<string, unknown>;

export const hasTools = ({ tools, functions }: Body): boolean =>
  [tools, functions].some((list) => Array.isArray(list) && list.length > 0);

/** `response_format` (chat) or `text.format` (responses). */
export const hasJsonSchema = ({ response_format: format, text }: Body): boolean =>
  typeOf(format) === 'json_schema' || typeOf(asObject(text)['format']) === 'json_schema';

/** An image part in a message (chat) or input item (responses). */
export const hasImages = ({ messages, input }: Body): boolean =>
  [messages, input].some((list) => Array.isArray(list) && list.some(isOrHoldsImage));

const IMAGE_PARTS = ['image_url', 'input_image'];

function isOrHoldsImage(item: unknown): boolean {
  if (IMAGE_PARTS.includes(typeOf(item))) return true;
  const { content } = asObject(item);
  return Array.isArray(content) && content.some((part) => IMAGE_PARTS.includes(typeOf(part)));
}

function typeOf(value: unknown): string {
  const { type } = asObject(value);
  return typeof type === 'string' ? type : '';
}

const asObject = (value: unknown): Body =>
  value !== null && typeof value === 'object' && !Array.isArray(value) ? (value as Body) : {};
