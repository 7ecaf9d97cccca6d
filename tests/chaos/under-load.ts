/** Load and faults side by side, for as long as a run goes on. */
import { seededRandom } from '@sluice/testing';
import type { Arena } from './arena.ts';
import type { Done } from './book.ts';
import type { Fault } from './faults.ts';
import type { Load } from './load.ts';
import { hitsCallers, QUIET_MS } from './recovery.ts';

export interface UnderLoadOptions {
  seed: number;
  /** How long load and faults go on, ms. */
  forMs: number;
  /** Not less than so often each fault, however long it takes. */
  leastRounds: number;
  /** Drawn from in a shuffled order, each once before any twice. */
  faults: readonly Fault[];
  /** Jobs and lines a second. */
  perSecond: number;
  /** Pause between two faults, ms. */
  pauseMs: number;
  /**
   * After this share of the faults that end callers nothing is done for longer than a lease: only so can be said how soon their
   * calls are made again, for a second fault may hit those who make them.
   */
  quietShare: number;
  say: (line: string) => void;
}

const TICK_MS = 100;
/** A fault that did not happen is tried again later in the same round, so often in all. */
const TRIES = 2;
const RECOVERY_WITHIN_MS = 120_000;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function underLoad(
  options: UnderLoadOptions,
  arena: Arena,
  load: Load,
): Promise<Done[]> {
  const end = Date.now() + options.forMs;
  let going = true;
  const asking = keepAsking(load, options.perSecond, () => going);
  try {
    return await doFaults(options, { arena, load, end });
  } finally {
    going = false;
    await asking;
  }
}

async function keepAsking(load: Load, perSecond: number, going: () => boolean): Promise<void> {
  const from = performance.now();
  let asked = 0;
  while (going()) {
    const due = ((performance.now() - from) / 1_000) * perSecond;
    while (asked < due) asked += load.ask();
    await pause(TICK_MS);
  }
}

async function doFaults(
  { seed, faults, pauseMs, quietShare, leastRounds, say }: UnderLoadOptions,
  { arena, load, end }: { arena: Arena; load: Load; end: number },
): Promise<Done[]> {
  const random = seededRandom(seed + 2);
  const done: Done[] = [];
  const bag: { fault: Fault; tries: number }[] = [];
  let rounds = 0;
  await pause(pauseMs);
  while (Date.now() < end || rounds < leastRounds || (rounds === leastRounds && bag.length > 0)) {
    if (bag.length === 0) {
      bag.push(...shuffled(faults, random).map((fault) => ({ fault, tries: 1 })));
      rounds++;
    }
    const { fault, tries } = bag.shift() as (typeof bag)[number];
    const one = await doFault(fault, { arena, load, random });
    done.push(one);
    say(sentenceOf(one));
    if (!one.happened && tries < TRIES) bag.push({ fault, tries: tries + 1 });
    await arena.whole();
    await pause(hitsCallers(one) && random() < quietShare ? QUIET_MS : pauseMs);
  }
  return done;
}

async function doFault(
  fault: Fault,
  { arena, load, random }: { arena: Arena; load: Load; random: () => number },
): Promise<Done> {
  const began = Date.now();
  const { happened, touched, from = began, to = Date.now() } = await fault.run({ arena, random });
  const answeredAt = await load.canary(RECOVERY_WITHIN_MS);
  const newWorkMs = answeredAt === null ? null : Math.max(0, answeredAt - to);
  return { name: fault.name, happened, touched, from, to, newWorkMs };
}

function sentenceOf({ name, happened, from, to, newWorkMs }: Done): string {
  const lasted = `${name}: ${((to - from) / 1_000).toFixed(1)} s`;
  const again = newWorkMs === null ? 'never' : `${Math.round(newWorkMs)} ms`;
  const at = new Date(to).toISOString().slice(11, 23);
  return `${lasted}${happened ? '' : ', did not happen'}; new work ${again} after ${at}`;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as T);
}
