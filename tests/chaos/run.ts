/** A chaos run: load and faults side by side, then patience, then the verdict. */
import { seededRandom, startSink } from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';
import { ACCOUNTS, Arena, RPM } from './arena.ts';
import type { Asked, Called, Delivered, Done } from './book.ts';
import type { Fault } from './faults.ts';
import { grouped } from './grouped.ts';
import { judge, resumed } from './judge.ts';
import type { Verdict } from './judge.ts';
import { Load } from './load.ts';
import { Reader } from './reader.ts';

export interface ChaosOptions {
  seed: number;
  /** How long load and faults go on, ms. */
  forMs: number;
  /** Drawn from in a shuffled order, each once before any twice. */
  faults: readonly Fault[];
  /** Most jobs and lines. */
  jobs: number;
  /** How long everything accepted has to end, after the load, ms. */
  patienceMs: number;
  /** Pause between two faults, ms. */
  pauseMs: number;
  say: (line: string) => void;
}

export interface Recovery {
  fault: string;
  times: number;
  /** From the end of the cause until a new synchronous call was answered, ms. */
  newWork: number[];
  /** From the end of the cause until a call that it had cut off was made again, ms. */
  cutOff: number[];
  /** Never answered again within the time given. */
  never: number;
}

export interface Outcome {
  seed: number;
  verdict: Verdict;
  faults: Done[];
  recovery: Recovery[];
}

/** Share of what the providers take: the rest is for what comes back after an outage. */
const LOAD = 0.5;
const TICK_MS = 100;
const HOOK_FAILS = 0.1;
const RECOVERY_WITHIN_MS = 120_000;
const READERS = 8;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const { seed, say } = options;
  const deliveries: Delivered[] = [];
  const sink = await startHooks(seed, deliveries);
  const arena = await Arena.start();
  say('two of each role are up');
  try {
    const load = new Load({ apis: arena.apis, sink: sink.url, random: seededRandom(seed) });
    const faults = await underLoad(options, arena, load);
    say(`no more faults; ${load.open} requests are open`);
    await load.settled();
    await arena.whole();
    say(`the load has ended: ${load.asked.length} requests; waiting for what was accepted`);
    const reader = new Reader(arena.apis);
    await ends(load.asked, reader, options.patienceMs);
    const missing = (): boolean =>
      load.asked.some((one) => one.webhook && one.last && !told(one, deliveries));
    await waitWhile(missing, options.patienceMs);
    const [counted, ended] = await settledCounts(reader, options.patienceMs);
    const calls = await callsOf(arena);
    const { refused } = load;
    const evidence = { refused, asked: load.asked, calls, deliveries, faults, counted, ended };
    const verdict = judge({ ...evidence, ratePerSecond: RPM / 60 });
    return { seed, verdict, faults, recovery: recoveryOf(faults, calls) };
  } finally {
    await arena.stop();
    await sink.stop();
  }
}

const told = ({ ids }: Asked, deliveries: readonly Delivered[]): boolean =>
  deliveries.some(({ id, accepted }) => accepted && ids.has(id));

async function waitWhile(waiting: () => boolean, mostMs: number): Promise<void> {
  const end = Date.now() + mostMs;
  while (waiting() && Date.now() < end) await pause(200);
}

/** A receiver that refuses a delivery's first attempt now and then. */
async function startHooks(seed: number, deliveries: Delivered[]): Promise<HttpSink> {
  const random = seededRandom(seed + 1);
  const seen = new Set<string>();
  return startSink(({ headers, body }, response) => {
    const event = headers['webhook-id'] ?? '';
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
    const accepted = seen.has(event) || random() >= HOOK_FAILS;
    seen.add(event);
    deliveries.push({ event, type, id: data.id, accepted });
    response.statusCode = accepted ? 200 : 500;
    response.end();
  });
}

async function underLoad(options: ChaosOptions, arena: Arena, load: Load): Promise<Done[]> {
  const end = Date.now() + options.forMs;
  let going = true;
  const asking = keepAsking(load, options.jobs, () => going);
  try {
    return await doFaults(options, { arena, load, end });
  } finally {
    going = false;
    await asking;
  }
}

async function keepAsking(load: Load, most: number, going: () => boolean): Promise<void> {
  const perTick = (ACCOUNTS.length * RPM * LOAD * TICK_MS) / 60_000;
  let owed = 0;
  let asked = 0;
  while (going()) {
    owed += perTick;
    while (owed > 0 && asked < most) {
      const calls = load.ask();
      owed -= calls;
      asked += calls;
    }
    await pause(TICK_MS);
  }
}

async function doFaults(
  { seed, faults, pauseMs, say }: ChaosOptions,
  { arena, load, end }: { arena: Arena; load: Load; end: number },
): Promise<Done[]> {
  const random = seededRandom(seed + 2);
  const done: Done[] = [];
  let bag: Fault[] = [];
  await pause(pauseMs);
  while (Date.now() < end) {
    if (bag.length === 0) bag = shuffled(faults, random);
    const fault = bag.pop() as Fault;
    const from = Date.now();
    await fault.run({ arena, random });
    const to = Date.now();
    const newWorkMs = await load.canary(RECOVERY_WITHIN_MS);
    done.push({ name: fault.name, from, to, newWorkMs });
    say(
      `${fault.name}: ${((to - from) / 1_000).toFixed(1)} s; new work after ${newWorkMs === null ? 'never' : `${Math.round(newWorkMs)} ms`}`,
    );
    await arena.whole();
    await pause(pauseMs);
  }
  return done;
}

function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const left = [...items];
  return items.map(() => left.splice(Math.floor(random() * left.length), 1)[0] as T);
}

/** Looks at everything accepted until it has ended, then once more: an end must not change. */
async function ends(asked: readonly Asked[], reader: Reader, patienceMs: number): Promise<void> {
  const accepted = asked.filter(({ ids }) => ids.size > 0);
  const end = Date.now() + patienceMs;
  for (;;) {
    const open = accepted.filter(({ first }) => first === null);
    await eachOf(open, async (one) => {
      one.first = await reader.endOf(one);
    });
    if (open.length === 0 || Date.now() > end) break;
    await pause(500);
  }
  await eachOf(accepted, async (one) => {
    one.last = (await reader.endOf(one)) ?? one.first;
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
async function settledCounts(
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

interface Entry {
  account: string;
  at_ms: number;
  ended_ms: number | null;
  end: string | null;
  metadata: { tag?: string } | null;
}

async function callsOf({ system, simulatorEpoch }: Arena): Promise<Called[]> {
  const text = await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text();
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => {
    const { account, at_ms: at, ended_ms: ended, end, metadata } = JSON.parse(line) as Entry;
    const endedAt = ended === null ? null : simulatorEpoch + ended;
    return { account, tag: metadata?.tag ?? null, at: simulatorEpoch + at, endedAt, end };
  });
}

function recoveryOf(faults: readonly Done[], calls: readonly Called[]): Recovery[] {
  return [...grouped(faults, ({ name }) => name)].map(([fault, own]) => ({
    fault,
    times: own.length,
    newWork: own.flatMap(({ newWorkMs }) => (newWorkMs === null ? [] : [newWorkMs])),
    cutOff: own.flatMap((one) => resumed(calls, one)),
    never: own.filter(({ newWorkMs }) => newWorkMs === null).length,
  }));
}
