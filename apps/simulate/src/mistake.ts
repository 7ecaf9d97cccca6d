/** Something the user can put right: its message names the place, what was found there and what is allowed. */
export class InputMistake extends Error {}

export const mistake = (place: string, found: string, allowed: string): InputMistake =>
  new InputMistake(`${place}: found ${found}; allowed: ${allowed}`);

/** What was found, short. */
export function shown(value: unknown): string {
  if (value === undefined || value === '') return 'nothing';
  const text = JSON.stringify(value);
  return text.length > 60 ? `${text.slice(0, 57)}…"` : text;
}
