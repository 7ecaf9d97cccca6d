/**
 * The deployments of a pool as candidates, and what a job costs with each, from one look at the fleet to the next. Kept for many
 * placements: of one to the next mostly one deployment stands otherwise, and the others only have less booked ahead, which is
 * changed in place. So what it says holds for one decision.
 */
import { standsStill } from '@sluice/balancing';
import type { Candidate, Rate, SharedSlots } from '@sluice/balancing';
import type { Cost } from '@sluice/budget';
import type { Shape } from '@sluice/job';
import { costWith, expectedOutput } from './call-cost.ts';
import { aheadOf, candidateOf } from './candidate-of.ts';
import type { FleetNow } from './candidate-of.ts';
import type { View } from './deployment-view.ts';
import type { DrawnBudget } from './drawn-budget.ts';
import type { Likely } from './lengths-book.ts';

interface Member {
  view: View;
  tier: number;
  /** All that it draws on; those of them that count calls at once for others too; the one of each of its rates. */
  budgets: readonly DrawnBudget[];
  sharing: readonly DrawnBudget[];
  ofRates: readonly (DrawnBudget | undefined)[];
  /** As of when its candidate was made or changed last: of itself, and of its budgets together. Each only grows. */
  changes: number;
  version: number;
  /** What time alone makes another of it. */
  moves: 'nothing' | 'rates' | 'all';
}

/** Of so many kinds of jobs costs are kept. */
const MOST_KINDS = 64;

export class Lineup {
  readonly #members: Member[];
  readonly #candidates: Candidate[];
  readonly #costs = new Map<Likely, Map<string, readonly Cost[]>>();
  readonly #outputs = new Map<Likely, Map<number | null, readonly (number | null)[]>>();
  #kinds = 0;
  #now: number;

  constructor(members: readonly Pick<Member, 'view' | 'tier'>[], known: FleetNow, now: number) {
    this.#now = now;
    this.#members = members.map((one) => memberOf(one, known));
    this.#candidates = this.#members.map((member, at) => made(member, { known, at, now }));
  }

  /** In the order of the pool, each with its place in {@link costs}. */
  get candidates(): readonly Candidate[] {
    return this.#candidates;
  }

  /** As all are now. */
  follow(known: FleetNow, now: number): this {
    const isLater = now !== this.#now;
    this.#now = now;
    const members = this.#members;
    for (let at = 0; at < members.length; at += 1) {
      const member = members[at] as Member;
      const version = versionOf(member);
      if (version === member.version && !(isLater && member.moves !== 'nothing')) continue;
      if (member.moves === 'all' || member.changes !== member.view.changes)
        this.#candidates[at] = made(member, { known, at, now });
      else change(member, this.#candidates[at] as Candidate, now);
      member.version = version;
    }
    if (known.learned?.isLearning === true)
      for (const one of this.#candidates) one.speed = known.learned.speed(one.id);
    return this;
  }

  /** Of one job of this shape, by the places of the candidates. */
  costs(shape: Shape, likely: Likely): readonly Cost[] {
    const kind = `${shape.characters} ${shape.maxOutput} ${shape.inputs}`;
    const known = this.#costs.get(likely)?.get(kind);
    if (known) return known;
    this.#makeRoom();
    const kinds = this.#costs.get(likely) ?? new Map<string, readonly Cost[]>();
    const outputs = this.#outputsOf(shape, likely);
    const costs = this.#members.map(({ view }, at) => costWith(view, shape, outputs[at] ?? null));
    this.#costs.set(likely, kinds.set(kind, costs));
    return costs;
  }

  /** Of the length of a request they do not depend, and they take the longest to reckon. */
  #outputsOf(shape: Shape, likely: Likely): readonly (number | null)[] {
    const kinds = this.#outputs.get(likely) ?? new Map<number | null, readonly (number | null)[]>();
    const known = kinds.get(shape.maxOutput);
    if (known) return known;
    const outputs = this.#members.map(({ view }) => expectedOutput(view, shape, likely));
    this.#outputs.set(likely, kinds.set(shape.maxOutput, outputs));
    return outputs;
  }

  #makeRoom(): void {
    this.#kinds += 1;
    if (this.#kinds <= MOST_KINDS) return;
    this.#kinds = 1;
    this.#costs.clear();
    if (this.#outputs.size > MOST_KINDS) this.#outputs.clear();
  }
}

function memberOf(
  { view, tier }: Pick<Member, 'view' | 'tier'>,
  { budgets: all }: FleetNow,
): Member {
  const { id, budgets: ids } = view.deployment;
  const budgets = ids.flatMap((budget) => all.get(budget) ?? []);
  const shared = ids.flatMap((budget) => (budget === id ? [] : (all.get(budget) ?? [])));
  return {
    view,
    tier,
    budgets,
    sharing: shared.filter(({ slots }) => slots !== null),
    ofRates: view.rates.map(({ budget }) => all.get(budget)),
    changes: view.changes,
    version: 0,
    moves: 'nothing',
  };
}

function made(
  member: Member,
  { known, at, now }: { known: FleetNow; at: number; now: number },
): Candidate {
  const { view, tier } = member;
  const candidate = candidateOf(known, view, { tier, now, at });
  const health = known.health.get(candidate.id);
  const isStill = health === undefined || standsStill(health, now);
  member.moves = !isStill ? 'all' : isBooked(view, now) ? 'rates' : 'nothing';
  member.changes = view.changes;
  member.version = versionOf(member);
  return candidate;
}

/** Takes over what time, and what was placed on others, makes of its limits. */
function change(member: Member, candidate: Candidate, now: number): void {
  const { view, ofRates, sharing } = member;
  const rates = candidate.rates as Rate[];
  for (let i = 0; i < rates.length; i += 1)
    (rates[i] as Rate).aheadMs = aheadOf(view.rates[i] as Rate, ofRates[i], now - view.readAt);
  const slots = candidate.sharedSlots as SharedSlots[];
  for (let i = 0; i < sharing.length; i += 1)
    slots[i] = (sharing[i] as DrawnBudget).slots as SharedSlots;
  member.moves = isBooked(view, now) ? 'rates' : 'nothing';
}

/** Whether anything is booked ahead, which time makes less. */
function isBooked({ rates, readAt }: View, now: number): boolean {
  for (const { aheadMs } of rates) if (aheadMs > now - readAt) return true;
  return false;
}

function versionOf({ view, budgets }: Member): number {
  let version = view.changes;
  for (const budget of budgets) version += budget.version;
  return version;
}
