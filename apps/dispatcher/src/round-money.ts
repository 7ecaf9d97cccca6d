/** What a ceiling lets a batch feed in its turn: how many lines of which class, and where to. */
import { takesCalls } from '@sluice/balancing';
import type { IndexRecord } from '@sluice/files';
import { linesPaid, moneyOf } from './ceiling.ts';
import type { Money } from './ceiling.ts';
import type { Chooser } from './chooser.ts';
import { askerOf } from './draining.ts';
import type { Draining, DrainingClass } from './draining.ts';
import { noteFed } from './fed-lines.ts';
import type { LengthsBook } from './lengths-book.ts';
import type { Picture } from './picture.ts';
import type { PlanBook } from './plan-book.ts';
import { cheapestPlaces, moneyAt } from './price-steps.ts';
import type { PricedPlace } from './price-steps.ts';
import { lineUnderWay, mostUsdAt, pricedAt, shapeOfLine } from './priced-lines.ts';
import type { RoundChunks } from './round-chunks.ts';
import type { RoundRoom } from './round-room.ts';

export interface MoneyPorts {
  chooser: Pick<Chooser, 'eligible' | 'goesByKey' | 'isPlanned' | 'keeps' | 'membersOf'>;
  picture: Picture;
  lengths: Pick<LengthsBook, 'likely'>;
  book: Pick<PlanBook, 'plan'>;
  now: () => number;
}

/** Of one turn. */
export interface TurnMoney {
  /** It pays for none of the next lines anywhere. */
  isShort: boolean;
  /** Of the next so many lines of the class, those that it pays for there. */
  lines: (one: DrainingClass, deployment: string, most: number) => number;
}

/** What is known of the next line of a class. */
interface Head {
  places: readonly PricedPlace[];
  /** US dollars that lines may take at each beside what is under way there; null = those of any one place may take all. */
  partsUsd: ReadonlyMap<string, number> | null;
}

export class RoundMoney {
  readonly #ports: MoneyPorts;
  readonly #room: RoundRoom;
  readonly #chunks: Pick<RoundChunks, 'headOf' | 'nextOf'>;

  constructor(ports: MoneyPorts, room: RoundRoom, chunks: Pick<RoundChunks, 'headOf' | 'nextOf'>) {
    this.#ports = ports;
    this.#room = room;
    this.#chunks = chunks;
  }

  /** As things stand; null = it has no ceiling. */
  of(batch: Draining): TurnMoney | null {
    if (batch.ceiling === null) return null;
    const mostUsd = Math.max(0, ...batch.classes.map((one) => this.#mostUsd(batch, one)));
    const money = moneyOf(batch.ceiling, batch, mostUsd);
    const heads = new Map(
      batch.classes.flatMap((one) => {
        const head = this.#chunks.headOf(one);
        return head ? [[one, this.#headOf(batch, one, { head, money })] as const] : [];
      }),
    );
    const paid = (one: DrainingClass, id: string, most: number): number =>
      linesPaid(usdAt(money, heads.get(one), id), this.#pricesOf(one, id, most));
    const isShort = ![...heads].some(([one, { places }]) =>
      places.some(({ id }) => paid(one, id, 1) > 0),
    );
    const mayPass = (one: DrainingClass, id: string): boolean =>
      money.isFirst &&
      money.leftUsd > 0 &&
      (this.#isKept(one) || (isShort && isCheapest(heads.get(one), id)));
    const lines: TurnMoney['lines'] = (one, id, most) =>
      paid(one, id, most) || (most > 0 && mayPass(one, id) ? 1 : 0);
    const hasPlaces = [...heads.values()].some(({ places }) => places.length > 0);
    return { isShort: isShort && hasPlaces && !(money.isFirst && money.leftUsd > 0), lines };
  }

  /** Lines were fed. */
  note({ ceiling }: Draining, deployment: string, records: readonly IndexRecord[]): void {
    if (ceiling === null) return;
    for (const record of records)
      noteFed(
        ceiling.fed,
        deployment,
        mostUsdAt(this.#ports.picture, deployment, shapeOfLine(record)),
      );
  }

  /** Such lines go where another line of their key, or their arm, goes: there is no choosing for them. */
  #isKept = ({ pool }: DrainingClass): boolean =>
    this.#ports.chooser.keeps(pool) || this.#ports.chooser.goesByKey(pool);

  #pricesOf(one: DrainingClass, id: string, most: number): number[] {
    const next = this.#chunks.nextOf(one, most);
    return next.map((record) => mostUsdAt(this.#ports.picture, id, shapeOfLine(record)));
  }

  /** What a line of a class that is under way costs at most, at the dearest deployment that may get it. */
  #mostUsd(batch: Draining, one: DrainingClass): number {
    const shape = lineUnderWay(batch, one, this.#chunks.headOf(one));
    if (shape === null) return 0;
    const { chooser, picture } = this.#ports;
    return Math.max(0, ...chooser.membersOf(one.pool).map((id) => mostUsdAt(picture, id, shape)));
  }

  #headOf(
    batch: Draining,
    one: DrainingClass,
    { head, money: { leftUsd, out } }: { head: IndexRecord; money: Money },
  ): Head {
    const { chooser, lengths, picture, now } = this.#ports;
    const about = {
      shape: shapeOfLine(head),
      likely: lengths.likely(askerOf(batch, one)),
      lines: one.jobs - one.taken,
      now: now(),
    };
    const places = this.#placesOf(one).map((id) => pricedAt(picture, id, about));
    const isOrdered = chooser.isPlanned(one.pool) && !this.#isKept(one);
    return { places, partsUsd: isOrdered ? moneyAt(leftUsd, places, out.at) : null };
  }

  /** Those that take calls: where the plan has lines of the class go, if anywhere. */
  #placesOf(one: DrainingClass): string[] {
    const { chooser, book } = this.#ports;
    const able = chooser.eligible(one.pool, one.formats);
    const open = chooser.membersOf(one.pool).filter((id) => {
      const candidate = this.#room.candidate(id);
      return candidate !== null && takesCalls(candidate) && (able?.has(id) ?? true);
    });
    const quotas = book.plan?.quotas[one.planId] ?? {};
    const planned = open.filter((id) => (quotas[id] ?? 0) > 0);
    return planned.length > 0 ? planned : open;
  }
}

const isCheapest = (head: Head | undefined, id: string): boolean =>
  cheapestPlaces(head?.places ?? []).has(id);

/** US dollars that lines may take there beside what is under way. */
function usdAt({ leftUsd, out }: Money, head: Head | undefined, id: string): number {
  const freeUsd = leftUsd - out.usd;
  return Math.min(freeUsd, head?.partsUsd?.get(id) ?? freeUsd);
}
