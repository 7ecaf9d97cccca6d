/**
 * Lots that stay drawn: a job that waits for what it has drawn draws the same again whenever it is asked about. Lines of a
 * batch are drawn in permuted blocks, as in trials: of each twenty lines in a row every twentieth of the lots is drawn once, of
 * each four every quarter, in an order of chance. So an arm gets its percentage to within a line, neither a short batch nor a
 * file that repeats itself favours one, and arms take turns: lines of one do not come in long rows, behind which the others
 * would wait.
 */
import { hashText, mix } from './rendezvous.ts';

const QUARTERS = 4;
const FIFTHS = 5;
const BLOCK = QUARTERS * FIFTHS;
const WHOLE = 4_294_967_296;

/** Of a job by its id, 0 to below 1. */
export const lotOf = (id: string): number => hashText(id) / WHOLE;

/** Of a line by its place among those that `owner` (a class of a batch) has, from 0. */
export function lotOfLine(owner: string, place: number): number {
  const block = Math.floor(place / BLOCK);
  const seed = hashText(`${owner} ${block}`);
  const at = place - block * BLOCK;
  const four = Math.floor(at / QUARTERS);
  const quarter = shuffled(mix(seed + four), QUARTERS, at % QUARTERS);
  const fifth = shuffled(mix(seed + FIFTHS + quarter), FIFTHS, four);
  return (quarter + (fifth + mix(seed + BLOCK + at) / WHOLE) / FIFTHS) / QUARTERS;
}

/** Which of `0 … size - 1` comes at `place` in the order that the seed draws. */
function shuffled(seed: number, size: number, place: number): number {
  const own = drawIn(seed, place);
  let before = 0;
  for (let i = 0; i < size; i += 1) if (drawIn(seed, i) < own) before += 1;
  return before;
}

/** Another one for each place: `mix` maps no two numbers to one. */
const drawIn = (seed: number, place: number): number =>
  mix((seed + Math.imul(place, 0x9e3779b1)) >>> 0);
