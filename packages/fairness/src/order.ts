/** Which of two flows of a band goes first. */
import { first } from './heap.ts';
import type { Flow, TurnSettings, Waiting } from './turns.ts';

export const headOf = (flow: Flow): Waiting => first(flow.items) as Waiting;

/** What counts as the work a flow's tenant has had: an urgent head lends it a lead. */
export const keyOf = (flow: Flow, { urgentLeadMs }: TurnSettings): number =>
  flow.account.virtualMs - (headOf(flow).urgent === true ? urgentLeadMs : 0);

/** Least work for its weight; of equals the tenant that has waited longer; then the older item. */
export const flowBefore =
  (settings: TurnSettings) =>
  (a: Flow, b: Flow): boolean => {
    const [one, other] = [keyOf(a, settings), keyOf(b, settings)];
    if (one !== other) return one < other;
    if (a.account.lastTurn !== b.account.lastTurn) return a.account.lastTurn < b.account.lastTurn;
    return headOf(a).sequence < headOf(b).sequence;
  };
