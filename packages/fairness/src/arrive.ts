/** Items come to wait and go away again; tenants are held at limits of their own and released. */
import { PRIORITIES } from '@sluice/job';
import { NOWHERE, emptyHeap, first, insert, rearrange, remove } from './heap.ts';
import { flowBefore, itemBefore } from './order.ts';
import type { Account, Flow, Item, Turns, Waiting } from './turns.ts';
import { accountOf } from './turns.ts';

/** False when an item of this id waits already: nothing changes. */
export function arrive(turns: Turns, item: Item): boolean {
  if (turns.items.has(item.id)) return false;
  turns.sequence += 1;
  enter(turns, { ...item, sequence: turns.sequence, place: NOWHERE });
  return true;
}

/** Takes an item out: cancelled, expired, used up. False when there is none of this id. */
export function leave(turns: Turns, id: string): boolean {
  const item = turns.items.get(id);
  if (!item) return false;
  turns.items.delete(id);
  const account = accountOf(turns, item.tenant, item.band);
  const flow = account.flows.get(item.lane) as Flow;
  remove(flow.items, item);
  leaveFlow(turns, flow);
  if (item.urgent === true) countUrgent(turns, account, -1);
  return true;
}

function leaveFlow(turns: Turns, flow: Flow): void {
  const { account, lane } = flow;
  if (first(flow.items) !== undefined) return headChanged(turns, flow);
  withdraw(turns, flow);
  account.flows.delete(lane);
  if (account.flows.size === 0) remove(turns.bands[account.band].active, account);
}

/** What was placed before has its tenant's lead as long as something of that is urgent. */
function countUrgent(turns: Turns, account: Account, by: 1 | -1): void {
  account.urgent += by;
  const isOther = by === 1 ? account.urgent === 1 : account.urgent === 0;
  if (isOther) for (const flow of account.flows.values()) headChanged(turns, flow);
}

/** Says whether an item has become urgent, or no longer is. It keeps its place among equals. */
export function setUrgent(turns: Turns, id: string, urgent: boolean): void {
  const item = turns.items.get(id);
  if (!item || (item.urgent ?? false) === urgent) return;
  leave(turns, id);
  const changed = { ...item, urgent };
  enter(turns, changed);
}

/** The tenant has no turn until it is released; what waits for it stays. */
export function hold(turns: Turns, tenant: string): void {
  if (turns.held.has(tenant)) return;
  turns.held.add(tenant);
  for (const account of accountsOf(turns, tenant)) {
    for (const flow of account.flows.values()) withdraw(turns, flow);
    remove(turns.bands[account.band].active, account);
  }
}

/** As if the tenant had just come: what it did not use while it was held is not made up. */
export function release(turns: Turns, tenant: string): void {
  if (!turns.held.delete(tenant)) return;
  for (const account of accountsOf(turns, tenant)) {
    if (account.flows.size > 0) activate(turns, account);
    for (const flow of account.flows.values()) offer(turns, flow);
  }
}

const accountsOf = ({ bands }: Turns, tenant: string): Account[] =>
  PRIORITIES.flatMap((band) => bands[band].accounts.get(tenant) ?? []);

function enter(turns: Turns, item: Waiting): void {
  turns.items.set(item.id, item);
  const account = accountOf(turns, item.tenant, item.band);
  const free = !turns.held.has(item.tenant);
  if (free && account.flows.size === 0) activate(turns, account);
  const known = account.flows.get(item.lane);
  const flow = known ?? { account, lane: item.lane, items: emptyHeap(itemBefore), place: NOWHERE };
  insert(flow.items, item);
  account.flows.set(item.lane, flow);
  if (known) headChanged(turns, flow);
  else if (free) offer(turns, flow);
  if (item.urgent === true) countUrgent(turns, account, 1);
}

/**
 * Lifts a tenant that comes back to where the work stands, or to the least served of those who have something waiting
 * if that is less: what it did not use while it was away is not banked.
 */
function activate(turns: Turns, account: Account): void {
  const { active, virtualMs } = turns.bands[account.band];
  const least = Math.min(virtualMs, first(active)?.virtualMs ?? virtualMs);
  const floor = Math.max(least, virtualMs - 2 * turns.settings.mostLagMs);
  account.virtualMs = Math.max(account.virtualMs, floor);
  insert(active, account);
}

function offer(turns: Turns, flow: Flow): void {
  const { band } = flow.account;
  const { queues } = turns.bands[band];
  const known = queues.get(flow.lane);
  const queue = known ?? {
    band,
    lane: flow.lane,
    flows: emptyHeap(flowBefore(turns.settings)),
    sinceMs: turns.servedMs,
  };
  insert(queue.flows, flow);
  if (!known) queues.set(flow.lane, queue);
}

/** A held tenant's flow stands nowhere: nothing to put right. */
function headChanged({ bands }: Turns, flow: Flow): void {
  const queue = bands[flow.account.band].queues.get(flow.lane);
  if (queue) rearrange(queue.flows, flow);
}

function withdraw(turns: Turns, flow: Flow): void {
  const { queues } = turns.bands[flow.account.band];
  const queue = queues.get(flow.lane);
  if (!queue) return;
  remove(queue.flows, flow);
  if (first(queue.flows) === undefined) queues.delete(flow.lane);
}
