/** Lines of a batch: chat requests, as the files of the Batch API have them. */

/** The body of a chat request with this one message of the user's; `more` (model, max_tokens) stands before it. */
export const chatBody = (content: string, more: object = {}) => ({
  ...more,
  messages: [{ role: 'user', content }],
});

/** One line, without its line end. `over` replaces fields of it, or adds some. */
export const chatLine = (id: string, body: object, over: object = {}): string =>
  JSON.stringify({ custom_id: id, method: 'POST', url: '/v1/chat/completions', body, ...over });

/** `count` lines as JSONL, without the last line end. They are numbered from 0; a number alone is its `custom_id`. */
export const chatLines = (
  count: number,
  bodyOf: (i: number) => object,
  idOf: (i: number) => string = String,
): string => Array.from({ length: count }, (_, i) => chatLine(idOf(i), bodyOf(i))).join('\n');
