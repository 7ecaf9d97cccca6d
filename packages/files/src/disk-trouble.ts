/** What a disk or a share answers that is no matter of one file: the store refuses, or is away, until somebody mends it. Names no path. */
import { StoreAway, StoreRefuses } from './store.ts';

const RIGHTS = "this process may not use its folder; give the process's user the rights to it";
const DEVICE = 'its disk or share does not answer';

const REFUSES: ReadonlyMap<string, string> = new Map([
  ['EROFS', 'its folder is mounted read-only; mount it for writing'],
  ['EACCES', RIGHTS],
  ['EPERM', RIGHTS],
  ['ENOTDIR', 'a file lies where it needs a folder; move that away'],
]);

const AWAY: ReadonlyMap<string, string> = new Map([
  ['EIO', 'its disk answers with input/output errors'],
  ['EREMOTEIO', 'its disk answers with input/output errors'],
  ['ESTALE', 'its share has lost the file'],
  ['ENOTCONN', 'its share is not connected'],
  ['ENODEV', DEVICE],
  ['ENXIO', DEVICE],
  ['ETIMEDOUT', DEVICE],
  ['EHOSTDOWN', DEVICE],
]);

/** The error to throw for one of a file system: a {@link StoreAway} where it is one of these. `doing`: `write`, `read`. */
export function troubleOf(error: unknown, doing: string): unknown {
  const { code } = error as { code?: unknown };
  if (error instanceof StoreAway || typeof code !== 'string') return error;
  const refuses = REFUSES.get(code);
  if (refuses !== undefined) return new StoreRefuses(doing, `${refuses} (${code})`);
  const away = AWAY.get(code);
  return away === undefined ? error : new StoreAway(doing, `${away} (${code})`, true);
}

/** Does it, and throws as {@link troubleOf} says. */
export async function orTrouble<Result>(
  doing: string,
  act: () => Promise<Result>,
): Promise<Result> {
  try {
    return await act();
  } catch (error) {
    throw troubleOf(error, doing);
  }
}
