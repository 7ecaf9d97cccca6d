/** From the bytes of a request to JSON: UTF-8 only, bounded in size (by the caller) and depth. */
import { isUtf8 } from 'node:buffer';
import { DEEPEST_JSON, isTooDeep, unfitIn } from '@sluice/job';
import { refuse } from '../errors.ts';

export function readJson(bytes: Buffer): { text: string; json: unknown } {
  if (bytes.length === 0) return { text: '', json: undefined };
  if (!isUtf8(bytes)) refuse('invalid_json', { values: { reason: 'it is not UTF-8' } });
  const text = bytes.toString('utf8').replace(/^\uFEFF/, '');
  const json = parse(text);
  if (isTooDeep(json)) {
    refuse('invalid_json', {
      values: { reason: `it is nested deeper than ${DEEPEST_JSON} levels` },
    });
  }
  const unfit = unfitIn(text, json);
  if (unfit !== null) {
    const { field, says } = unfit;
    refuse('unsupported_parameter', { param: field, values: { field, reason: `it ${says}` } });
  }
  return { text, json };
}

/** V8's own message quotes the body; ours only says where. */
function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    return refuse('invalid_json', { values: { reason: reasonOf(String(error), text.length) } });
  }
}

function reasonOf(message: string, length: number): string {
  const at = /position (\d+)/.exec(message)?.[1];
  if (Number(at) === length || /end of JSON|Unterminated/.test(message)) {
    return `unexpected end of JSON at position ${length}`;
  }
  if (at !== undefined) return `unexpected text at position ${at}`;
  const character = /token '(.)'/u.exec(message)?.[1];
  return character === undefined ? 'it is malformed' : `unexpected character '${character}'`;
}
