/** Stores outcomes: all that arrive in one slot while a write is under way go into the next one, one item per entry. */
import { randomUUID } from 'node:crypto';
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

export class OutcomeWriter {
  readonly #ledger: Ledger;
  readonly #events: WorkerEvents;
  readonly #writers = new Map<number, GatheredWriter<Waiting>>();

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
    const pending = { id: randomUUID(), items: null as Waiting[] | null };
    const writer = new GatheredWriter<Waiting>({
      most: MOST_IN_ONE_WRITE,
      write: async (items) => {
        // The same items tried again keep their write id: Redis may have stored them before the reply was lost.
        if (pending.items !== items) Object.assign(pending, { id: randomUUID(), items });
        await storeOutcomes(this.#ledger, slot, itemsOf(items), pending.id);
      },
      onRetry: (error, items) =>
        this.#events.writeRetried({ what: 'outcomes', items, error: String(error) }),
    });
    this.#writers.set(slot, writer);
    return writer;
  }
}

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
