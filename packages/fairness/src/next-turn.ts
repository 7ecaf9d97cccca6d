/** Who goes next among those for whom there is room, and what a turn costs them. */
import { PRIORITIES } from '@sluice/job';
import type { Priority } from '@sluice/job';
import { leave } from './arrive.ts';
import { NOWHERE, emptyHeap, first, inOrder, insert, rearrange, remove } from './heap.ts';
import type { Placed } from './heap.ts';
import { flowBefore, headOf, keyOf } from './order.ts';
import type { Account, Flow, Item, Queue, TurnSettings, Turns } from './turns.ts';
import { accountOf, weightOf } from './turns.ts';

/** An item whose turn it may be. */
export interface Turn {
  item: Item;
  tenant: string;
  /** The band its work is counted in. */
  band: Priority;
  /** Its queue was passed over for its patience: it may use what is kept free for interactive jobs. */
  overdue: boolean;
}

/** `lane_full`: for nobody in the lane and band; `not_this_one`: other tenants' items in the lane may have room. */
export type Room = 'yes' | 'lane_full' | 'not_this_one';

/**
 * The next item for which there is room; null when there is none. Nothing changes: say {@link admitted} when it was
 * placed. `roomFor` is asked in the order of turns, at most once per lane and band until one has room, unless it
 * answers `not_this_one`.
 */
export function nextTurn(turns: Turns, roomFor: (turn: Turn) => Room): Turn | null {
  const late = overdue(turns);
  for (const queue of late) {
    const turn = firstWithRoom(turns, [queue], (one) => roomFor({ ...one, overdue: true }));
    if (turn) return turn;
  }
  for (const band of PRIORITIES) {
    const queues = [...turns.bands[band].queues.values()];
    const rest = late.length === 0 ? queues : queues.filter((queue) => !late.includes(queue));
    const turn = firstWithRoom(turns, rest, roomFor);
    if (turn) return turn;
  }
  return null;
}

/** Queues that have waited beyond their patience, the longest overdue first. */
function overdue({ bands, settings, servedMs }: Turns): Queue[] {
  const late: [Queue, dueMs: number][] = [];
  for (const band of ['normal', 'low'] as const) {
    for (const queue of bands[band].queues.values()) {
      const dueMs = queue.sinceMs + settings.patienceMs[band];
      if (servedMs > dueMs) late.push([queue, dueMs]);
    }
  }
  return late.toSorted(([, a], [, b]) => a - b).map(([queue]) => queue);
}

/** A queue and how far it has been looked through. */
interface Search extends Placed {
  flow: Flow;
  /** {@link keyOf} the flow. */
  key: number;
  queue: Queue;
  rest: Generator<Flow> | null;
}

function firstWithRoom(
  { settings }: Turns,
  queues: readonly Queue[],
  roomFor: (turn: Turn) => Room,
): Turn | null {
  const before = flowBefore(settings);
  const searches = emptyHeap<Search>((a, b) =>
    a.key === b.key ? before(a.flow, b.flow) : a.key < b.key,
  );
  for (const queue of queues) {
    const flow = first(queue.flows) as Flow;
    insert(searches, { queue, flow, key: keyOf(flow, settings), rest: null, place: NOWHERE });
  }
  for (let best = first(searches); best !== undefined; best = first(searches)) {
    const turn = turnOf(best.flow);
    const room = roomFor(turn);
    if (room === 'yes') return turn;
    if (room === 'not_this_one' && advance(best, settings)) rearrange(searches, best);
    else remove(searches, best);
  }
  return null;
}

const turnOf = (flow: Flow): Turn => ({
  item: headOf(flow),
  tenant: flow.account.tenant,
  band: flow.account.band,
  overdue: false,
});

/** Goes on to the queue's next flow; false when there is none. */
function advance(search: Search, settings: TurnSettings): boolean {
  if (search.rest === null) {
    search.rest = inOrder(search.queue.flows);
    search.rest.next();
  }
  const next = search.rest.next();
  if (next.done === true) return false;
  search.flow = next.value;
  search.key = keyOf(next.value, settings);
  return true;
}

/**
 * A turn was used: `costMs` is what is expected to be spent (price.ts), `finished` says that nothing of the item waits
 * any longer. False when the item has gone meanwhile: nothing is charged.
 */
export function admitted(
  turns: Turns,
  { item }: Turn,
  { costMs, finished }: { costMs: number; finished: boolean },
): boolean {
  const waiting = turns.items.get(item.id);
  if (!waiting) return false;
  const account = accountOf(turns, waiting.tenant, waiting.band);
  const band = turns.bands[account.band];
  forgetLag(turns, account);
  const flow = account.flows.get(waiting.lane) as Flow;
  band.virtualMs = Math.max(band.virtualMs, keyOf(flow, turns.settings));
  account.virtualMs += costMs / weightOf(turns, account.tenant);
  turns.sequence += 1;
  account.lastTurn = turns.sequence;
  turns.servedMs += costMs;
  const queue = band.queues.get(waiting.lane);
  if (queue) queue.sinceMs = turns.servedMs;
  reorder(turns, account);
  if (finished) leave(turns, item.id);
  return true;
}

/** Work turned out to cost more (or less, when negative) than was charged when it was admitted. */
export function settled(
  turns: Turns,
  { tenant, band }: Pick<Turn, 'tenant' | 'band'>,
  differenceMs: number,
): void {
  const account = accountOf(turns, tenant, band);
  account.virtualMs += differenceMs / weightOf(turns, tenant);
  reorder(turns, account);
}

/**
 * Whoever found no room for long is behind the others. Remembered is at least `mostLagMs` of it and at most twice that:
 * cutting it at one point only would level all who are behind at every turn, whatever their weights.
 */
function forgetLag({ bands, settings: { mostLagMs } }: Turns, account: Account): void {
  const { virtualMs } = bands[account.band];
  if (account.virtualMs < virtualMs - 2 * mostLagMs) account.virtualMs = virtualMs - mostLagMs;
}

function reorder({ bands }: Turns, account: Account): void {
  const { active, queues } = bands[account.band];
  rearrange(active, account);
  for (const flow of account.flows.values()) {
    const queue = queues.get(flow.lane);
    if (queue) rearrange(queue.flows, flow);
  }
}
