/** Deeper than any request of the APIs we serve; recursive code that reads or writes it stays far from the end of its stack. */
export const DEEPEST_JSON = 128;

/** Whether objects and arrays stand within one another over more than {@link DEEPEST_JSON} levels. */
export const isTooDeep = (value: unknown): boolean => isDeeper(value, DEEPEST_JSON);

function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) return value.some((item) => isDeeper(item, levels - 1));
  for (const key in value) {
    if (isDeeper((value as Record<string, unknown>)[key], levels - 1)) return true;
  }
  return false;
}
