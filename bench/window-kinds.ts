/** Which kinds of window a benchmark is run on. */
import { WINDOW_KINDS } from '@sluice/windows';
import type { WindowKind } from '@sluice/windows';

/** Kinds as an argument names them, `bucket_1s,fixed_10s` (or with `-`); absent = all. Throws on one that there is not. */
export function kindsIn(only: string | undefined): readonly WindowKind[] {
  if (only === undefined) return WINDOW_KINDS;
  return only.split(',').map((text) => {
    const found = WINDOW_KINDS.find((kind) => kind === text.replaceAll('-', '_'));
    if (found === undefined)
      throw new Error(`only: found ${text}, allowed: ${WINDOW_KINDS.join(', ')}`);
    return found;
  });
}
