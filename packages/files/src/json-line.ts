/** A line of JSONL as the object it must be, or what is wrong with it in a sentence that shows no value of the line. Pure. */
import { unfitIn } from '@sluice/job';

export type JsonLine =
  | { kind: 'object'; value: Record<string, unknown> }
  /** `isJson`: it is some other JSON. */
  | { kind: 'mistake'; isJson: boolean; says: string };

export function jsonLine(text: string): JsonLine {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    const says = `This line is not parseable as valid JSON.${whereStopped(error)}`;
    return { kind: 'mistake', isJson: false, says };
  }
  const unfit = unfitIn(text, value);
  if (unfit !== null) {
    const says = `'${unfit.field}' ${unfit.says}.`;
    return { kind: 'mistake', isJson: true, says };
  }
  if (isObject(value)) return { kind: 'object', value };
  const says = `This line must be a JSON object, found ${kindOf(value)}.`;
  return { kind: 'mistake', isJson: true, says };
}

/** The parser's own message may quote the prompt: only the position is taken from it. */
function whereStopped(error: unknown): string {
  const position =
    error instanceof Error ? /at position (\d+)/.exec(error.message)?.[1] : undefined;
  return position === undefined ? '' : ` Stopped at character ${Number(position) + 1}.`;
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** `a string`, `an array`, `null` …: what a value is, without showing it. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
