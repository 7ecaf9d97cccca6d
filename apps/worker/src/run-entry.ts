/**
 * A delivered entry, step by step: claim → load → admit → call → store → finish.
 *
 * Every outcome is stored before the entry is finished, and looked up first when it is delivered again. Calls of one entry
 * run side by side; each is stored as it ends.
 */
import type { EntryData } from '@sluice/queues';
import { claimEntry, handBack } from '@sluice/ledger';
import type { ClaimedChunk, ClaimedJob, Ledger } from '@sluice/ledger';
import type { Deployment } from '@sluice/job';
import type { WorkerEvents } from './events.ts';
import type { NotAdmitted } from './gate.ts';
import type { Lease, LeaseKeeper } from './lease-keeper.ts';
import type { Broken, Call, CallLoader } from './load-calls.ts';
import { NO_ANSWER } from './make-call.ts';
import type { CallResult } from './make-call.ts';

export interface EntryPorts {
  ledger: Ledger;
  deployment: Deployment;
  leaseMs: number;
  loader: CallLoader;
  leases: LeaseKeeper;
  events: WorkerEvents;
  now: () => number;
  /** Admits, calls under the entry's lease, stores and settles one call. */
  perform: (entry: EntryData, call: Call, under: CallRight) => Promise<Performed>;
  /** Stores an outcome of a call that is not made. */
  store: (entry: EntryData, call: Call, result: CallResult) => Promise<void>;
  /** Jobs that left the queue without being booked, for the dispatcher's picture of it. */
  dropped: (jobs: number) => void;
  /** Calls of a delivery that died: nobody else counts how they ended. */
  lost: (calls: number) => void;
  signalFor: (id: string) => { signal: AbortSignal; done: () => void };
}

/** How one call went; all but `stored`: nothing was spent. */
export type Performed = 'stored' | NotAdmitted;

/** What lets a call begin, and ends it. */
export interface CallRight {
  signal: AbortSignal;
  lease: Lease;
}

/** How the entry left this worker; `held`: another delivery's calls still live, try again after so many ms. */
export type EntryEnd = 'done' | 'dropped' | 'handed_back' | { heldForMs: number };

/** Soon enough to be placed again at once by the sweeper. */
const AT_ONCE = 0;
/** For so long an entry does not come back to a deployment that has too little left of its day for it. */
const SHUNNED_MS = 60_000;

export async function runEntry(ports: EntryPorts, data: EntryData): Promise<EntryEnd> {
  // Listens before it claims: a cancellation between the two must not be missed.
  const { signal, done } = ports.signalFor(data.id);
  try {
    return await claimAndCall(ports, data, signal);
  } finally {
    done();
  }
}

async function claimAndCall(
  ports: EntryPorts,
  data: EntryData,
  signal: AbortSignal,
): Promise<EntryEnd> {
  const { ledger, leases, leaseMs } = ports;
  const holder = leases.newHolder();
  const asked = leases.moment();
  const claim = await claimEntry(ledger, { ...data, holder, leaseMs, now: asked.wall });
  if (claim.kind === 'held') return { heldForMs: claim.forMs };
  if (claim.kind === 'drop') {
    ports.dropped(1);
    ports.events.entryDropped({ deployment: ports.deployment.id, ...data });
    return 'dropped';
  }
  const lease = leases.hold(data.id, holder, asked);
  try {
    return await callAll(ports, data, { entry: claim.entry, right: { signal, lease } });
  } finally {
    leases.release(lease);
  }
}

async function callAll(
  ports: EntryPorts,
  data: EntryData,
  { entry, right }: { entry: ClaimedJob | ClaimedChunk; right: CallRight },
): Promise<EntryEnd> {
  const loaded = await ports.loader.load(data.id, entry);
  if (loaded.kind === 'gone') {
    ports.events.inputGone({ id: data.id });
    ports.dropped(1);
    return 'dropped';
  }
  if (loaded.kind === 'away') {
    const { calls, forMs, error } = loaded;
    ports.events.filesAway({ id: data.id, again_in_ms: forMs, error });
    return leave(ports, data, { right, left: calls, checkAt: ports.now() + forMs });
  }
  const { calls, broken } = loaded;
  if (entry.lostBefore) {
    const all = [...calls, ...broken.map(({ call }) => call)];
    await giveUp(
      ports,
      data,
      all.map((call) => ({ call, result: lost(call) })),
    );
    ports.lost(all.length);
    return 'done';
  }
  if (broken.length > 0) {
    ports.events.inputGone({ id: data.id, lines: broken.length, why: broken[0]?.why ?? '' });
    const results = broken.map((one) => ({ call: one.call, result: unread(one, ports.now()) }));
    await giveUp(ports, data, results);
  }
  return callThese(ports, data, { calls, right });
}

async function callThese(
  ports: EntryPorts,
  data: EntryData,
  { calls, right }: { calls: readonly Call[]; right: CallRight },
): Promise<EntryEnd> {
  const ends = await Promise.all(calls.map((call) => ports.perform(data, call, right)));
  const left = ends.filter((end) => end !== 'stored').length;
  if (left === 0) return 'done';
  const shunnedUntil = ends.includes('used_up') ? ports.now() + SHUNNED_MS : 0;
  return leave(ports, data, { right, left, shunnedUntil, checkAt: AT_ONCE });
}

interface Leaving {
  right: CallRight;
  /** Calls that are left to make. */
  left: number;
  /** When it is to be placed again, ms. */
  checkAt: number;
  shunnedUntil?: number;
}

async function leave(
  ports: EntryPorts,
  data: EntryData,
  { right, left, checkAt, shunnedUntil = 0 }: Leaving,
): Promise<EntryEnd> {
  // Another delivery has the entry: what was not called here is its business.
  if (right.lease.lost) return 'dropped';
  ports.dropped(left);
  await handBack(ports.ledger, { ...data, holder: right.lease.holder, shunnedUntil }, checkAt);
  ports.events.handedBack({ deployment: ports.deployment.id, id: data.id, jobs: left });
  return 'handed_back';
}

/** Stores an outcome for each of these calls without making it. */
async function giveUp(
  ports: EntryPorts,
  data: EntryData,
  ends: readonly { call: Call; result: CallResult }[],
): Promise<void> {
  ports.dropped(ends.length);
  await Promise.all(ends.map(({ call, result }) => ports.store(data, call, result)));
}

/**
 * A delivery before this one died in mid-call: nobody knows how its call ended. It becomes an attempt of its own, recorded
 * before anything is called again: so the ledger of attempts is whole, and a job that kills its workers goes round only as
 * often as the retry policy allows.
 */
const lost = (call: Call): CallResult => ({
  ...NO_ANSWER,
  outcome: 'lost',
  message: 'the worker that made this call ended before its answer was stored',
  startedAt: call.since,
  endedAt: call.since,
});

const unread = ({ why }: Broken, now: number): CallResult => ({
  ...NO_ANSWER,
  outcome: 'bad_request',
  message: `the line cannot be read any more: ${why}`,
  costUsd: 0,
  startedAt: now,
  endedAt: now,
});
