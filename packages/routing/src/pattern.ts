/** Names with `*` for any characters, none included. Everything else stands for itself. */

/**
 * Whether a name fits the pattern. Not a regular expression: those go back and forth over a long name, which a client
 * could use to hold everybody up.
 */
export function fits(pattern: string, name: string): boolean {
  if (!pattern.includes('*')) return pattern === name;
  const parts = pattern.split('*');
  const [head, tail] = [parts[0] as string, parts.at(-1) as string];
  if (name.length < head.length + tail.length) return false;
  if (!name.startsWith(head) || !name.endsWith(tail)) return false;
  const end = name.length - tail.length;
  let at = head.length;
  for (const part of parts.slice(1, -1)) {
    const found = name.indexOf(part, at);
    if (found < 0 || found + part.length > end) return false;
    at = found + part.length;
  }
  return true;
}

/**
 * Whether everything that fits the narrow pattern fits the wide one too. Only a `*` of the wide one can take up a `*` of
 * the narrow one, so the narrow pattern may be read as a name.
 */
export const includesPattern = (wide: string, narrow: string): boolean => fits(wide, narrow);
