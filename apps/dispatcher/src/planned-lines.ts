/** Which class of a batch the plan would have go next in a round of feeding, and where to. */
import type { Chooser } from './chooser.ts';
import { poolOfClass } from './class-names.ts';
import { unfedOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import type { DrainingBook } from './draining-book.ts';
import { armOfNext } from './kept-lines.ts';
import type { How } from './placing-lines.ts';
import type { PlanBook } from './plan-book.ts';
import type { RoundRoom } from './round-room.ts';

export interface PlannedPorts {
  chooser: Pick<Chooser, 'armOf' | 'eligible' | 'keeps' | 'membersOf'>;
  book: Pick<PlanBook, 'most' | 'next'>;
}

/** What waits of all batches. */
type Waiting = Pick<DrainingBook, 'shareOf' | 'waitingFor'>;

type Pair = NonNullable<ReturnType<PlanBook['next']>>;

/** The classes of a batch that the plan speaks of and that have a line to go, by their names in it. */
export type Planned = ReadonlyMap<string, DrainingClass>;

export class PlannedLines {
  readonly #ports: PlannedPorts;
  readonly #draining: Waiting;
  readonly #room: RoundRoom;
  /** Batch, class and deployment that placement turned down although there seemed to be room. */
  readonly #refused = new Set<string>();

  constructor(ports: PlannedPorts, draining: Waiting, room: RoundRoom) {
    this.#ports = ports;
    this.#draining = draining;
    this.#room = room;
  }

  /** Null = nothing that the plan would have go has room. */
  next(batch: Draining, own: Planned, band: How['band']): Pair | null {
    return this.#ports.book.next({
      waiting: (id) => this.#draining.waitingFor(batch, id),
      own: (id) => (this.#draining.shareOf(batch)?.lines.get(id) ?? 0) > 0,
      mayGo: (id, deployment) => {
        const one = own.get(id);
        if (one === undefined) return this.#mayNextGo(batch, id, deployment);
        return this.#room.mayGo(batch, one, { deployment, band });
      },
      hasRoom: (id, deployment) =>
        own.has(id) &&
        !this.#refused.has(refusal(batch, { class: id, deployment })) &&
        this.#room.hasRoom(id, { deployment, band }),
    });
  }

  /** Placement turned it down: it is not asked again in this round. */
  refused(batch: Draining, pair: Pair): void {
    this.#refused.add(refusal(batch, pair));
  }

  /**
   * Whether the next line of another class of the share may go there: one that is kept to an arm waits for it, and has no claim
   * on the others.
   */
  #mayNextGo(batch: Draining, id: string, deployment: string): boolean {
    const { chooser } = this.#ports;
    if (!chooser.keeps(poolOfClass(id))) return true;
    for (const each of this.#draining.shareOf(batch)?.batches ?? []) {
      const one = each.classes.find(({ planId }) => planId === id);
      if (one === undefined || unfedOf(one) === 0) continue;
      return chooser.membersOf(one.pool, armOfNext(each, one, chooser)).includes(deployment);
    }
    return true;
  }
}

const refusal = (
  { id }: Draining,
  { class: of, deployment }: Pick<Pair, 'class' | 'deployment'>,
): string => `${id} ${of} ${deployment}`;
