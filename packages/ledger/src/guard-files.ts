/**
 * Keeps a process from working with other files than those of its Redis: at its start, and later where Redis was away then or was
 * emptied since, or another folder was put in the place of the first. One that is only away is waited for: who ended then would lose the
 * calls under way. Whoever runs when Redis is emptied tells it the mark again before a stranger does.
 */
import { lookAtFiles } from './same-files.ts';
import type { FilesAre, Sameness } from './same-files.ts';

export interface Guarding extends Sameness {
  /** Ends the process, once. */
  end: (reason: string) => unknown;
  /** ms */
  everyMs?: { unknown: number; known: number };
  /** Ends the looking; without it that goes on as long as the process does. */
  signal?: AbortSignal;
}

const EVERY_MS = { unknown: 2_000, known: 5_000 };

/** Why this process must not start, or null: it looks again from time to time and calls `end` if it must not go on. */
export async function guardFiles(guarding: Guarding): Promise<string | null> {
  const looking = lookAtFiles(guarding);
  guarding.signal?.addEventListener('abort', looking.close);
  const first = await looking.agree();
  if (first.kind !== 'other') lookLater(guarding, looking, first);
  else looking.close();
  return first.kind === 'other' ? first.reason : null;
}

type Looking = ReturnType<typeof lookAtFiles>;

function lookLater(guarding: Guarding, looking: Looking, { kind }: FilesAre): void {
  const { everyMs = EVERY_MS, end, signal } = guarding;
  const look = async (): Promise<void> => {
    if (signal?.aborted) return;
    const found = await looking.agree();
    if (signal?.aborted) return looking.close();
    if (found.kind !== 'other') return lookLater(guarding, looking, found);
    looking.close();
    end(found.reason);
  };
  setTimeout(() => void look(), kind === 'same' ? everyMs.known : everyMs.unknown).unref();
}
