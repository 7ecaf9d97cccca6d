/**
 * Stores outcomes: all that arrive in one slot while a write is under way go into the next one, one item per entry, up to
 * 8 MiB. A larger answer is written alone, one at a time in this process: the client joins a command into one string, which
 * has a bound in V8, and memory holds one copy more, not all.
 */
import { slotOf } from '@sluice/job';
import { encodeOutcomes, storeOutcomes } from '@sluice/ledger';
import type { Ledger, OutcomeItem } from '@sluice/ledger';
import type { EntryData } from '@sluice/queues';
import type { WorkerEvents } from './events.ts';
import { GatheredWriter } from './gathered-writer.ts';
import type { StoredOutcome } from './outcome-of.ts';

interface Waiting {
  entry: EntryData;
  outcome: StoredOutcome;
}

const MOST_IN_ONE_WRITE = 128;
/** Characters of the raw texts. */
const MOST_SIZE_IN_ONE_WRITE = 8 * 1024 * 1024;

export class OutcomeWriter {
  readonly #ledger: Ledger;
  readonly #events: WorkerEvents;
  readonly #writers = new Map<number, GatheredWriter<Waiting>>();
  #lastLarge: Promise<void> = Promise.resolve();

  constructor(ledger: Ledger, events: WorkerEvents) {
    this.#ledger = ledger;
    this.#events = events;
  }

  /** Resolves when the outcome is safe in Redis. Tries for as long as the process lives. */
  store(entry: EntryData, outcome: StoredOutcome): Promise<void> {
    return this.#writer(slotOf(entry.id)).add({ entry, outcome });
  }

  #writer(slot: number): GatheredWriter<Waiting> {
    const known = this.#writers.get(slot);
    if (known) return known;
    const writer = new GatheredWriter<Waiting>({
      most: MOST_IN_ONE_WRITE,
      mostSize: MOST_SIZE_IN_ONE_WRITE,
      sizeOf,
      write: async (items, turn) => {
        const store = (): Promise<void> => storeOutcomes(this.#ledger, slot, itemsOf(items), turn);
        const large = items.some((item) => sizeOf(item) > MOST_SIZE_IN_ONE_WRITE);
        await (large ? this.#alone(store) : store());
      },
      onRetry: (error, items) =>
        this.#events.writeRetried({ what: 'outcomes', items, error: String(error) }),
    });
    this.#writers.set(slot, writer);
    return writer;
  }

  /** When the large write before has ended, however it did. */
  #alone(store: () => Promise<void>): Promise<void> {
    const mine = this.#lastLarge.then(store);
    this.#lastLarge = mine.catch(() => undefined);
    return mine;
  }
}

const sizeOf = ({ outcome }: Waiting): number => outcome.raw.length;

/** Outcomes of one delivery of an entry become one item. */
function itemsOf(waiting: readonly Waiting[]): OutcomeItem[] {
  const byEntry = new Map<string, Waiting[]>();
  for (const one of waiting) {
    const key = `${one.entry.id} ${one.entry.epoch}`;
    const group = byEntry.get(key);
    if (group) group.push(one);
    else byEntry.set(key, [one]);
  }
  return [...byEntry.values()].map((group) => ({
    ...(group[0] as Waiting).entry,
    places: group.map(({ outcome }) => outcome.meta.place),
    fields: encodeOutcomes(
      group.map(({ outcome }) => outcome.meta),
      group.map(({ outcome }) => outcome.raw),
    ),
  }));
}
