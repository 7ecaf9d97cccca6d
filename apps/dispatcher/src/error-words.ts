/** An error in words for those who use the API: the system's code and its meaning, without the path that it names. */
export function inBrief(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^E[A-Z0-9]+: [^,]+/.exec(text)?.[0] ?? text;
}
