/** Which of two flows of a band goes first. */
import { first } from './heap.ts';
import type { Flow, TurnSettings, Waiting } from './turns.ts';

export const headOf = (flow: Flow): Waiting => first(flow.items) as Waiting;

/** Urgent first, but for what was placed before; then the earliest deadline, then the oldest. */
export const itemBefore = (a: Waiting, b: Waiting): boolean => {
  if ((a.again ?? false) !== (b.again ?? false)) return a.again === true;
  if ((a.urgent ?? false) !== (b.urgent ?? false)) return a.urgent === true;
  if (a.deadlineAt !== b.deadlineAt) return a.deadlineAt < b.deadlineAt;
  return a.sequence < b.sequence;
};

/** What counts as the work a flow's tenant has had: an urgent head lends it a lead, also to what goes before it in its tenant. */
export function keyOf(flow: Flow, { urgentLeadMs }: TurnSettings): number {
  const { again = false, urgent = false } = headOf(flow);
  const { account } = flow;
  return account.virtualMs - (urgent || (again && account.urgent > 0) ? urgentLeadMs : 0);
}

/** Least work for its weight; of equals the tenant that has waited longer; of one tenant the item that goes first. */
export const flowBefore =
  (settings: TurnSettings) =>
  (a: Flow, b: Flow): boolean => {
    const [one, other] = [keyOf(a, settings), keyOf(b, settings)];
    if (one !== other) return one < other;
    if (a.account.lastTurn !== b.account.lastTurn) return a.account.lastTurn < b.account.lastTurn;
    if (a.account === b.account) return itemBefore(headOf(a), headOf(b));
    return headOf(a).sequence < headOf(b).sequence;
  };
