/** A chaos run: load and faults side by side, then patience, then the verdict. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom, startSink } from '@sluice/testing';
import type { HttpSink } from '@sluice/testing';
import { ACCOUNTS, Arena } from './arena.ts';
import type { Delivered, Done } from './book.ts';
import { callsOf, linesOf } from './calls.ts';
import { ends, settledCounts, told } from './ends.ts';
import { judge } from './judge.ts';
import type { Evidence, Verdict } from './judge.ts';
import { Load } from './load.ts';
import { Reader } from './reader.ts';
import { recoveryOf } from './recovery.ts';
import type { Recovery } from './recovery.ts';
import { underLoad } from './under-load.ts';
import type { UnderLoadOptions } from './under-load.ts';

export interface ChaosOptions extends UnderLoadOptions {
  /** How long everything accepted has to end, after the load, ms. */
  patienceMs: number;
  /** A folder for the processes' logs; '' = they are thrown away. */
  keepLogs: string;
}

export interface Outcome {
  seed: number;
  verdict: Verdict;
  faults: Done[];
  recovery: Recovery[];
}

/** Share of what the providers take: the rest is for what comes back after an outage. */
const LOAD = 0.5;
const HOOK_FAILS = 0.1;

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
    await load.settled(options.patienceMs);
    await arena.whole();
    say(`the load has ended: ${load.asked.length} requests; waiting for what was accepted`);
    const evidence = { faults, ...(await evidenceOf(options, { arena, load, deliveries })) };
    const verdict = judge({ ...evidence, ratePerSecond: accountPerSecond });
    return { seed, verdict, faults, recovery: recoveryOf(faults, evidence.calls) };
  } finally {
    await arena.stop(options.keepLogs);
    await sink.stop();
  }
}

/** What each side's book says, when all that was accepted has ended or patience has. */
async function evidenceOf(
  { patienceMs, keepLogs }: ChaosOptions,
  { arena, load, deliveries }: { arena: Arena; load: Load; deliveries: Delivered[] },
): Promise<Omit<Evidence, 'faults' | 'ratePerSecond'>> {
  const { asked, refused } = load;
  const reader = new Reader(arena.apis);
  await ends(asked, reader, patienceMs);
  await told(asked, deliveries, patienceMs);
  const [counted, ended] = await settledCounts(reader, patienceMs);
  const calls = await callsOf(arena);
  if (keepLogs) writeFileSync(join(arena.system.folder, 'calls.log'), linesOf(calls));
  return { refused, asked, calls, deliveries, counted, ended };
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
