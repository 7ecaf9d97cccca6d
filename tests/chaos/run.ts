/** A chaos run: load and faults side by side, then patience, then the verdict. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, startSink } from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';
import { ACCOUNTS, Arena } from './arena.ts';
import type { Asked, Called, Delivered, Done, End } from './book.ts';
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
  /** Jobs and lines a second; the providers' limits are twice that. */
  perSecond: number;
  /** How long everything accepted has to end, after the load, ms. */
  patienceMs: number;
  /** Pause between two faults, ms. */
  pauseMs: number;
  /** A folder for the processes' logs; '' = they are thrown away. */
  keepLogs: string;
  say: (line: string) => void;
}

export interface Recovery {
  fault: string;
  /** How often it was tried, and how often it truly happened. */
  tried: number;
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
/** A fault that did not happen is tried again later, so often in a row of all of them. */
const TRIES = 2;
/** After so many of the faults that end callers nothing is done for as long as a lease and more: only so can be said how soon
 * their calls are made again, for a second fault may hit those who make them. */
const QUIET_SHARE = 0.5;
const QUIET_MS = 20_000;
const HOOK_FAILS = 0.1;
const RECOVERY_WITHIN_MS = 120_000;
const READERS = 8;

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export async function runChaos(options: ChaosOptions): Promise<Outcome> {
  const { seed, say } = options;
  const deliveries: Delivered[] = [];
  const sink = await startHooks(seed, deliveries);
  const accountPerSecond = options.perSecond / LOAD / ACCOUNTS.length;
  const arena = await Arena.start(accountPerSecond * 60);
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
    await told(load.asked, deliveries, options.patienceMs);
    const [counted, ended] = await settledCounts(reader, options.patienceMs);
    const calls = await callsOf(arena);
    if (options.keepLogs) writeFileSync(join(arena.system.folder, 'calls.log'), linesOf(calls));
    const { refused } = load;
    const evidence = { refused, asked: load.asked, calls, deliveries, faults, counted, ended };
    const verdict = judge({ ...evidence, ratePerSecond: accountPerSecond });
    return { seed, verdict, faults, recovery: recoveryOf(faults, calls) };
  } finally {
    await arena.stop(options.keepLogs);
    await sink.stop();
  }
}

/** Waits until everybody who asked to be told was told. */
async function told(
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

/** A receiver that refuses a delivery's first attempt now and then. */
async function startHooks(seed: number, deliveries: Delivered[]): Promise<HttpSink> {
  const random = seededRandom(seed + 1);
  const seen = new Set<string>();
  const sink = await startSink(({ headers, body }, response) => {
    // What it was is in `deliveries`: an hour of bodies is not kept.
    sink.requests.length = 0;
    const event = headers['webhook-id'] ?? '';
    const { type, data } = JSON.parse(body) as { type: string; data: { id: string } };
    const accepted = seen.has(event) || random() >= HOOK_FAILS;
    seen.add(event);
    deliveries.push({ event, type, id: data.id, accepted });
    response.statusCode = accepted ? 200 : 500;
    response.end();
  });
  return sink;
}

async function underLoad(options: ChaosOptions, arena: Arena, load: Load): Promise<Done[]> {
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
  { seed, faults, pauseMs, say }: ChaosOptions,
  { arena, load, end }: { arena: Arena; load: Load; end: number },
): Promise<Done[]> {
  const random = seededRandom(seed + 2);
  const done: Done[] = [];
  const bag: { fault: Fault; tries: number }[] = [];
  await pause(pauseMs);
  while (Date.now() < end) {
    if (bag.length === 0)
      bag.push(...shuffled(faults, random).map((fault) => ({ fault, tries: 1 })));
    const { fault, tries } = bag.shift() as (typeof bag)[number];
    const one = await doFault(fault, { arena, load, random });
    done.push(one);
    say(sentenceOf(one));
    if (!one.happened && tries < TRIES) bag.push({ fault, tries: tries + 1 });
    await arena.whole();
    await pause(hitsCallers(one) && random() < QUIET_SHARE ? QUIET_MS : pauseMs);
  }
  return done;
}

/** Whether it was done to certain callers, whose calls are made again when their leases have lapsed. */
const hitsCallers = ({ happened, touched: { callers } }: Done): boolean =>
  happened && callers !== 'all' && callers.length > 0;

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

/** Looks at everything accepted until it has ended, then once more: an end must not change. */
async function ends(asked: readonly Asked[], reader: Reader, patienceMs: number): Promise<void> {
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

const linesOf = (calls: readonly Called[]): string =>
  calls.map((call) => `${JSON.stringify(call)}\n`).join('');

interface Entry {
  account: string;
  caller: string | null;
  at_ms: number;
  ended_ms: number | null;
  end: string | null;
  metadata: { tag?: string } | null;
}

async function callsOf({ system, simulatorEpoch }: Arena): Promise<Called[]> {
  const text = await (await fetch(`${system.simulatorUrl}/_sim/ledger`)).text();
  const lines = text.split('\n').filter(Boolean);
  return lines.map((line) => {
    const {
      account,
      caller,
      at_ms: at,
      ended_ms: ended,
      end,
      metadata,
    } = JSON.parse(line) as Entry;
    const endedAt = ended === null ? null : simulatorEpoch + ended;
    const pid = Number(/pid (\d+)/u.exec(caller ?? '')?.[1] ?? Number.NaN);
    const tag = metadata?.tag ?? null;
    const by = Number.isNaN(pid) ? null : pid;
    return { account, pid: by, tag, at: simulatorEpoch + at, endedAt, end };
  });
}

const isQuietAfter = ({ to }: Done, faults: readonly Done[]): boolean =>
  faults.every((other) => other.from <= to || other.from >= to + QUIET_MS);

function recoveryOf(faults: readonly Done[], calls: readonly Called[]): Recovery[] {
  return [...grouped(faults, ({ name }) => name)].map(([fault, tried]) => {
    const own = tried.filter(({ happened }) => happened);
    return {
      fault,
      tried: tried.length,
      times: own.length,
      newWork: own.flatMap(({ newWorkMs }) => (newWorkMs === null ? [] : [newWorkMs])),
      cutOff: own
        .filter((one) => !hitsCallers(one) || isQuietAfter(one, faults))
        .flatMap((one) => resumed(calls, one)),
      never: own.filter(({ newWorkMs }) => newWorkMs === null).length,
    };
  });
}
