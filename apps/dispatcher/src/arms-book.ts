/** Sums of how the arms of pools do, from recorded calls; written about once a second, however many calls end. */
import type { Fleet, Outcome } from '@sluice/job';
import { addArms, noArmFigures } from '@sluice/ledger';
import type { ArmCell, ArmFigures, Ledger, OutcomeArm, OutcomeMeta } from '@sluice/ledger';
import { addDurations, durationsOf } from '@sluice/prediction';

const EVERY_MS = 1_000;

interface ArmsPorts {
  ledger: Ledger;
  fleet: Fleet;
  now: () => number;
  onError: (error: unknown) => void;
}

export class ArmsBook {
  readonly #ports: ArmsPorts;
  /** By pool; then by deployment and the arm wanted. */
  readonly #sums = new Map<string, Map<string, ArmCell>>();
  #timer: NodeJS.Timeout | null = null;
  #writing: Promise<void> = Promise.resolve();

  constructor(ports: ArmsPorts) {
    this.#ports = ports;
  }

  /** Calls that ended and are recorded. Those of pools without arms are passed over. */
  count(metas: readonly OutcomeMeta[]): void {
    for (const meta of metas) if (meta.arm) addCall(this.#figures(meta, meta.arm), meta, meta.arm);
    if (this.#sums.size > 0) this.#timer ??= setTimeout(() => void this.write(), EVERY_MS);
  }

  #figures({ deployment }: OutcomeMeta, { pool, wanted }: { pool: string; wanted: string }) {
    const cells = this.#sums.get(pool) ?? new Map<string, ArmCell>();
    this.#sums.set(pool, cells);
    const at = `${deployment}\0${wanted}`;
    const cell = cells.get(at) ?? { deployment, wanted, figures: noArmFigures() };
    cells.set(at, cell);
    return cell.figures;
  }

  /** What was counted since the last time; resolves when it stands in Redis, or is given up. */
  write(): Promise<void> {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    const { ledger, fleet, now, onError } = this.#ports;
    const sums = [...this.#sums];
    this.#sums.clear();
    const writes = sums.flatMap(([id, cells]) => {
      const pool = fleet.pools.get(id);
      return pool ? [addArms(ledger, pool, { cells: [...cells.values()], now: now() })] : [];
    });
    const written = Promise.all(writes).then(() => undefined, onError);
    this.#writing = Promise.all([this.#writing, written]).then(() => undefined);
    return this.#writing;
  }
}

/** The key's and its limits' affair, or nobody waited for it any more: the arm might have answered well. */
const SAYS_NOTHING: ReadonlySet<Outcome> = new Set<Outcome>([
  'rate_limited',
  'quota_exhausted',
  'credential',
  'lost',
]);

function addCall(sum: ArmFigures, { outcome, usage, costUsd }: OutcomeMeta, arm: OutcomeArm): void {
  sum.calls += 1;
  if (outcome === 'ok') {
    sum.succeeded += 1;
    sum.tookMs += arm.tookMs;
    addDurations(sum.durations, durationsOf([arm.tookMs]));
  }
  if (SAYS_NOTHING.has(outcome)) sum.aside += 1;
  sum.input += usage?.input_tokens ?? 0;
  sum.output += usage?.output_tokens ?? 0;
  if (costUsd === null) sum.unpriced += 1;
  else sum.costUsd += costUsd;
}
