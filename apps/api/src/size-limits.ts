/** What a 413 names as the limit that was passed. */
export const FILE_LIMIT = '`server.max_file_bytes` of the config';
export const BODY_LIMIT = '`server.max_body_bytes` of the config';
/** OpenAI's largest part of an upload. */
export const MOST_PART_BYTES = 64 * 1024 * 1024;
export const PART_LIMIT = 'the most that a part may have';
