/** A trace as Azure publishes them: CSV with TIMESTAMP, ContextTokens, GeneratedTokens, a request per line. */
import { mistake, shown } from './mistake.ts';
import { linesOf } from './read-file.ts';
import { MOST_TOKENS } from './workload.ts';

export interface TraceRequest {
  /** After the first one, ms. */
  at: number;
  inputTokens: number;
  outputTokens: number;
}

const COLUMNS = ['TIMESTAMP', 'ContextTokens', 'GeneratedTokens'] as const;
type Column = (typeof COLUMNS)[number];

/** In the order of their arrival; at most `limit`. Throws InputMistake naming file, line and column. */
export async function readTrace(path: string, limit: number): Promise<TraceRequest[]> {
  let places: Record<Column, number> | null = null;
  const requests: TraceRequest[] = [];
  for await (const { text, line } of linesOf(path)) {
    if (requests.length >= limit) break;
    const cells = text.split(',').map((cell) => cell.trim().replace(/^"(.*)"$/, '$1'));
    const where = `${path} line ${line}`;
    if (places === null) places = placesIn(cells, where);
    else if (text.trim() !== '') requests.push(requestIn(cells, places, where));
  }
  if (places === null) throw mistake(path, 'an empty file', `a first line ${COLUMNS.join(',')}`);
  if (requests.length === 0) throw mistake(path, 'no requests', 'a request per line');
  const first = requests.reduce((least, { at }) => Math.min(least, at), Infinity);
  return requests
    .map((request) => ({ ...request, at: request.at - first }))
    .toSorted((a, b) => a.at - b.at);
}

function placesIn(cells: readonly string[], where: string): Record<Column, number> {
  const missing = COLUMNS.find((column) => !cells.includes(column));
  if (missing !== undefined) {
    throw mistake(
      `${where} column ${missing}`,
      `a first line ${shown(cells.join(','))}`,
      `one with ${COLUMNS.join(', ')}; a CSV of prompts becomes a batch file (JSONL) as README.md shows`,
    );
  }
  const entries = COLUMNS.map((column) => [column, cells.indexOf(column)]);
  return Object.fromEntries(entries) as Record<Column, number>;
}

function requestIn(
  cells: readonly string[],
  places: Record<Column, number>,
  where: string,
): TraceRequest {
  const tokens = (column: Column): number => {
    const text = cells[places[column]];
    const value = Number(text);
    if (text && Number.isInteger(value) && value >= 0 && value <= MOST_TOKENS) return value;
    throw mistake(`${where} column ${column}`, shown(text), `a whole number up to ${MOST_TOKENS}`);
  };
  const time = cells[places.TIMESTAMP];
  const at = timeOf(time ?? '');
  if (at === null)
    throw mistake(
      `${where} column TIMESTAMP`,
      shown(time),
      'a time such as 2023-11-16 18:17:03.9799600',
    );
  return { at, inputTokens: tokens('ContextTokens'), outputTokens: tokens('GeneratedTokens') };
}

/** Unix ms with fractions; null when it is no time. Without a zone it is UTC. */
function timeOf(text: string): number | null {
  const match = /^(\d{4}-\d\d-\d\d)[ T](\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:?\d\d)?$/.exec(text);
  if (!match) return null;
  const [, day, time, fraction = '', zone = 'Z'] = match;
  const seconds = Date.parse(`${day}T${time}${zone}`);
  return Number.isNaN(seconds) ? null : seconds + Number(fraction === '' ? 0 : fraction) * 1_000;
}
