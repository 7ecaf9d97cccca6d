/** Answers in JSONL: results, files of results, the simulator's record of its calls. */

/** The rows of a text, parsed; blank lines are none. */
export const rowsOf = <Row>(jsonl: string): Row[] =>
  jsonl
    .split('\n')
    .filter(Boolean)
    .map((row) => JSON.parse(row) as Row);

/** What is at this URL, row by row. Throws unless it is there. */
export async function rowsAt<Row>(url: string): Promise<Row[]> {
  const response = await fetch(url);
  const text = await response.text();
  if (!response.ok) throw new Error(`${url}: ${response.status} ${text}`);
  return rowsOf<Row>(text);
}
