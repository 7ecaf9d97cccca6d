/** Taking one value out of JSON text as it is written, so that it can be passed on whatever its depth and size. */

/** The text of a member of an object, or null when it has none of this name. `json` must be valid, and an object. */
export function rawMember(json: string, name: string): string | null {
  for (let at = json.indexOf('{') + 1; ;) {
    const key = json.indexOf('"', at);
    if (key === -1) return null;
    const keyEnd = stringEnd(json, key);
    const from = json.indexOf(':', keyEnd) + 1;
    const to = valueEnd(json, from);
    if (JSON.parse(json.slice(key, keyEnd)) === name) return json.slice(from, to).trim();
    at = to;
  }
}

/** Behind the closing quote of the string that begins at `from`. */
function stringEnd(json: string, from: number): number {
  for (let at = from + 1; at < json.length; at += 1) {
    if (json[at] === '\\') at += 1;
    else if (json[at] === '"') return at + 1;
  }
  return json.length;
}

/** Where the value that begins at `from` ends: at the comma or the brace that follows it. */
function valueEnd(json: string, from: number): number {
  let depth = 0;
  for (let at = from; at < json.length; at += 1) {
    const character = json[at];
    if (character === '"') at = stringEnd(json, at) - 1;
    else if (character === '{' || character === '[') depth += 1;
    else if (character === ',' && depth === 0) return at;
    else if (character === '}' || character === ']') {
      if (depth === 0) return at;
      depth -= 1;
    }
  }
  return json.length;
}
