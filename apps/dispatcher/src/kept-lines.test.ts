/** Lines that are kept to arms, fed: percentages to the line, both arms busy, chunks that are worth their way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DeploymentLoad } from '@sluice/admission';
import { Spills, lotOfLine } from '@sluice/balancing';
import type { Fleet } from '@sluice/job';
import { Chooser } from './chooser.ts';
import type { Draining } from './draining.ts';
import { DrainingBook } from './draining-book.ts';
import { drainingOfLines, fleetOf, halves, loadOf, pictureOf } from './example-fleet.ts';
import { FeedRound } from './feed-round.ts';
import { LengthsBook } from './lengths-book.ts';
import { PlanBook } from './plan-book.ts';

const STRICT = halves(', strict: true');
const DEPTH = { depthMs: 1_000, unlimitedDepth: 100, chunkMs: 100, chunkJobs: 32 };
/** What each deployment was given and how far its rate is spoken for by it. */
class Rates {
  readonly #taken = new Map<string, { lines: number; fullUntil: number; perMs: number }>();

  constructor({ budgets }: Fleet) {
    for (const [id, { limits }] of budgets)
      this.#taken.set(id, { lines: 0, fullUntil: 0, perMs: (limits.rpm as number) / 60_000 });
  }

  take(id: string, lines: number, now: number): void {
    const one = this.#taken.get(id);
    assert.ok(one);
    one.lines += lines;
    one.fullUntil = Math.max(one.fullUntil, now) + lines / one.perMs;
    const mostMs = DEPTH.depthMs + 1 / one.perMs;
    assert.ok(one.fullUntil - now <= mostMs + 1e-6, `${one.fullUntil - now} ms placed on ${id}`);
  }

  loads(now: number): Map<string, DeploymentLoad> {
    return new Map(
      [...this.#taken].map(([id, { lines, fullUntil, perMs }]) => {
        const load = loadOf([{ budget: id, dimension: 'rpm', ratePerMs: perMs }]);
        const [dim] = load.dims;
        assert.ok(dim);
        return [
          id,
          { ...load, taken: lines, dims: [{ ...dim, aheadMs: Math.max(0, fullUntil - now) }] },
        ];
      }),
    );
  }
}

/** Feeds all lines, a look each 50 ms; lines by deployment, each chunk's, and how long it took, ms. */
async function drained(text: string, batch: Draining) {
  const fleet = fleetOf(text);
  let ms = 1_000;
  const now = (): number => ms;
  const picture = pictureOf(fleet, ms);
  const rates = new Rates(fleet);
  const chooser = new Chooser({ fleet, picture, depth: DEPTH, now, random: Math.random });
  const lengths = new LengthsBook(now);
  const spills = new Spills(fleet.pools);
  const book = new PlanBook({
    problem: () => assert.fail('a split is not planned'),
    solve: () => assert.fail('a split is not planned'),
    waiting: () => 0,
    onPlan: () => undefined,
    onError: (what, error) => assert.fail(`${what}: ${String(error)}`),
    now,
  });
  const chunks: { deployment: string; numbers: number[]; lot: number | null }[] = [];
  const fed: number[] = [];
  const [one] = batch.classes;
  assert.ok(one);
  for (; one.ahead.length > 0; ms += 50) {
    const ports = { chooser, picture, lengths, book, spills, windowLines: 10_000, now };
    const waiting = new DrainingBook();
    waiting.add(batch);
    const round = new FeedRound(ports, waiting);
    while (round.takeTurn(batch, { most: Infinity, overdue: false }) !== null);
    for (const helping of round.helpings) {
      for (const { deployment, lines, lot } of helping.chunks) {
        const numbers = lines.map(([number]) => number);
        fed.push(...numbers);
        rates.take(deployment, numbers.length, ms);
        chunks.push({ deployment, numbers, lot: lot ?? null });
      }
      one.cursor += helping.lines;
      one.ahead.splice(0, helping.lines);
    }
    picture.update(rates.loads(ms + 50), ms + 50);
    assert.ok(ms < 600_000, `${one.ahead.length} lines left after ten minutes`);
  }
  assert.deepEqual(
    fed.toSorted((a, b) => a - b),
    Array.from({ length: one.jobs }, (_, i) => i + 1),
    'each line once',
  );
  const on = (id: string): number =>
    chunks.flatMap((chunk) => (chunk.deployment === id ? chunk.numbers : [])).length;
  return { mini: on('mini'), other: on('other'), chunks, tookMs: ms - 1_000 };
}

const LINES = { shape: '1.1', lines: 400, characters: 400, maxOutput: 16 };

/** Each line goes where its own lot says, and the chunk's lot says the same: it is what decides when its lines are tried again. */
function assertOwnArms(chunks: Awaited<ReturnType<typeof drained>>['chunks']): void {
  const { id } = drainingOfLines([]);
  for (const { deployment, numbers, lot } of chunks)
    for (const drawn of [lot as number, ...numbers.map((n) => lotOfLine(`${id} 0`, n - 1))])
      assert.equal(deployment, drawn < 0.5 ? 'mini' : 'other');
}

test('lines of an arm travel together although lines of the other stand between them', async () => {
  const wide = STRICT.replaceAll(/rpm: \d+/g, 'rpm: 60000');
  const { chunks } = await drained(wide, drainingOfLines([LINES]));
  assertOwnArms(chunks);
  // 200 lines of each arm, 32 in a chunk.
  assert.equal(chunks.length, 2 * Math.ceil(200 / 32));
});

test('lines are halved to the line, although one arm is ten times as fast, and the slow one never idles', async () => {
  const { mini, other, chunks, tookMs } = await drained(STRICT, drainingOfLines([LINES]));
  assert.deepEqual([mini, other], [200, 200]);
  assertOwnArms(chunks);
  // 200 lines at ten a second, the last of which are placed a second ahead.
  assert.ok(tookMs <= 1.05 * 20_000, `${tookMs}`);
  const loose = await drained(halves(''), drainingOfLines([LINES]));
  assert.ok(loose.mini < 100, `without \`strict\` ${loose.mini} wait for the slow one`);
  assert.equal(loose.chunks[0]?.lot, null);
});

/** Arms of the same size for their percentage, together two calls a second. */
const small = ([mini, other]: readonly [number, number]): string => `
deployments:
  mini: { provider: p, model: m, limits: { rpm: ${1.2 * mini} } }
  other: { provider: p, model: m, limits: { rpm: ${1.2 * other} } }
pools: { fast: { strategy: { name: split, arms: { mini: ${mini}, other: ${other} }, strict: true }, tiers: [[mini, other]] } }
`;

for (const arms of [
  [50, 50],
  [80, 20],
  [95, 5],
] as const)
  test(`arms of ${arms.join(' and ')} % whose limits fit that are both kept busy, with room for a line or two each`, async () => {
    const { mini, tookMs } = await drained(small(arms), drainingOfLines([LINES]));
    assert.equal(mini, 4 * arms[0]);
    // 400 lines at two a second; what an order of chance costs where an arm has room for a single line.
    assert.ok(tookMs <= 1.1 * 200_000, `${tookMs}`);
  });
