/** Waits for what was accepted: its ends, the words about them, and what the usage counts. */
import type { Asked, Delivered, End } from './book.ts';
import type { Reader } from './reader.ts';

const READERS = 8;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Looks at everything accepted until it has ended, then once more: an end must not change. */
export async function ends(
  asked: readonly Asked[],
  reader: Reader,
  patienceMs: number,
): Promise<void> {
  const accepted = asked.filter(({ ids }) => ids.size > 0);
  const end = Date.now() + patienceMs;
  for (;;) {
    const open = accepted.filter(({ first }) => first === null);
    await look(open, reader, (one, seen) => {
      one.first = seen;
    });
    if (open.length === 0 || Date.now() > end) break;
    await pause(500);
  }
  await look(accepted, reader, (one, seen) => {
    one.last = seen ?? one.first;
  });
}

/** So many ends of jobs are cheaper read from the list. */
const MANY = 300;

/** Reads the ends of these. What the list of jobs does not have is asked for by its id. */
async function look(
  asked: readonly Asked[],
  reader: Reader,
  seen: (one: Asked, end: End | null) => void,
): Promise<void> {
  const listed = asked.length > MANY ? await reader.endsOfJobs() : null;
  await eachOf(asked, async (one) => {
    const [id] = one.ids;
    seen(one, listed?.get(id as string) ?? (await reader.endOf(one)));
  });
}

async function eachOf<T>(items: readonly T[], act: (item: T) => Promise<void>): Promise<void> {
  const left = [...items];
  const work = async (): Promise<void> => {
    for (let item = left.pop(); item !== undefined; item = left.pop()) await act(item);
  };
  await Promise.all(Array.from({ length: READERS }, work));
}

/** Jobs that nobody knows were accepted end too, a moment later. */
export async function settledCounts(
  reader: Reader,
  patienceMs: number,
): Promise<[number | null, number | null]> {
  const end = Date.now() + patienceMs;
  for (;;) {
    const ended = await reader.ended();
    if (ended !== null || Date.now() > end) return [await reader.counted(), ended];
    await pause(500);
  }
}

/** Waits until everybody who asked to be told was told. */
export async function told(
  asked: readonly Asked[],
  deliveries: readonly Delivered[],
  mostMs: number,
): Promise<void> {
  const end = Date.now() + mostMs;
  const waiting = asked.filter(({ webhook, last }) => webhook && last !== null);
  for (;;) {
    const ids = new Set(deliveries.filter(({ accepted }) => accepted).map(({ id }) => id));
    const missing = waiting.some((one) => ![...one.ids].some((id) => ids.has(id)));
    if (!missing || Date.now() > end) return;
    await pause(500);
  }
}
