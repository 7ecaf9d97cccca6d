/**
 * How long a call to one deployment takes, learnt from its answers: T = a + b·input + c·output + d·inFlight, by recursive
 * least squares with forgetting (facts: online latency prediction). Residuals count relative to what is predicted, so
 * that long answers do not drown out short ones.
 *
 * Beside it runs a plain moving mean of actual ÷ typical duration for the same tokens. Whichever of the two has erred less
 * lately predicts, and the first never strays far from the second: so data that says little about a, b, c and d (all jobs
 * alike, very few, absurd ones) gives a cautious prediction, never a wild or a negative one.
 */
import { type Fit, NEW_FIT, fitTo, valueOf } from './least-squares.ts';

export interface Call {
  /** Input tokens, without those read from a cache. */
  input: number;
  /** Output tokens: expected ones to predict, real ones to learn. */
  output: number;
  /** Other calls running there when it began. */
  inFlight: number;
}

/** A call that was answered. Failures teach nothing about duration: they are for `Speed`. */
export interface Sample extends Call {
  tookMs: number;
}

/** Plain data, never changed in place. */
export interface LatencyModel {
  /** Answers learnt from. */
  samples: number;
  fit: Fit;
  /** Answers in the fit: it begins anew when it no longer holds. */
  fitted: number;
  /** Moving mean of actual ÷ typical. */
  pace: number;
  /** Moving means of how far each of the two was off: |ln(actual ÷ predicted)|. */
  fitError: number;
  paceError: number;
}

export const NEW_LATENCY_MODEL: LatencyModel = {
  samples: 0,
  fit: NEW_FIT,
  fitted: 0,
  pace: 1,
  fitError: 0,
  paceError: 0,
};

/** Weight of a new answer in the moving means, once there are enough. */
const LEARNING = 0.05;
/** Four unknowns want a few answers each before their fit is looked at. */
const ENOUGH_SAMPLES = 12;
/** How far the fit may stray from the pace, and one answer from what was predicted before it counts as less, as a factor. */
const FARTHEST = 8;
/** A fit that errs this much more than the pace, and this much at all, is of a time that is over. */
const STALE = { timesPace: 1.5, atLeast: 0.3 };
const LEAST_MS = 1;
const MOST_MS = 86_400_000;

/** Expected duration, ms: from 1 to a day, for any numbers. Before anything was learnt, that of a typical hosted model. */
export function predictMs(model: LatencyModel, call: Call): number {
  const byPace = paceMs(model, call);
  const fits = model.fitted >= ENOUGH_SAMPLES && model.fitError < model.paceError;
  return fits ? fitMs(model, call, byPace) : byPace;
}

/** The model after an answer; the same model where the sample makes no sense. */
export function learn(model: LatencyModel, sample: Sample): LatencyModel {
  const { tookMs } = sample;
  if (!isSane(sample) || !(tookMs > 0) || tookMs > MOST_MS) return model;
  const byPace = paceMs(model, sample);
  const most = model.samples < ENOUGH_SAMPLES ? MOST_MS : FARTHEST * byPace;
  const believed = between(LEAST_MS, tookMs, most);
  const rate = Math.max(LEARNING, 1 / (model.samples + 1));
  const move = (mean: number, value: number): number => mean + rate * (value - mean);
  const off = (predicted: number): number => Math.abs(Math.log(believed / predicted));
  return withoutStaleFit({
    samples: model.samples + 1,
    fit: fitTo(model.fit, terms(sample), { value: believed, scale: byPace }),
    fitted: model.fitted + 1,
    pace: move(model.pace, believed / typicalMs(sample)),
    fitError: move(model.fitError, off(fitMs(model, sample, byPace))),
    paceError: move(model.paceError, off(byPace)),
  });
}

/** Forgetting alone would take hundreds of answers to notice that a deployment has changed as a whole. */
function withoutStaleFit(model: LatencyModel): LatencyModel {
  const { fitted, fitError, paceError } = model;
  const stale = fitError > Math.max(STALE.atLeast, STALE.timesPace * paceError);
  return stale && fitted >= ENOUGH_SAMPLES
    ? { ...model, fit: NEW_FIT, fitted: 0, fitError: paceError }
    : model;
}

/** The order of magnitude of hosted models: half a second, 20,000 input and 66 output tokens a second. Its scale is learnt. */
const typicalMs = ({ input, output }: Call): number => 500 + 0.05 * input + 15 * output;

const paceMs = (model: LatencyModel, call: Call): number =>
  between(LEAST_MS, model.pace * typicalMs(isSane(call) ? call : NOTHING), MOST_MS);

function fitMs(model: LatencyModel, call: Call, byPace: number): number {
  if (!isSane(call)) return byPace;
  const value = valueOf(model.fit, terms(call));
  return between(LEAST_MS, between(byPace / FARTHEST, value, byPace * FARTHEST), MOST_MS);
}

const NOTHING: Call = { input: 0, output: 0, inFlight: 0 };

const isSane = ({ input, output, inFlight }: Call): boolean =>
  [input, output, inFlight].every((each) => each >= 0 && each < 1e9);

const between = (least: number, value: number, most: number): number =>
  Math.min(most, Math.max(least, value));

/** The four terms in units that make them about equally large, which keeps the arithmetic exact. */
const terms = ({ input, output, inFlight }: Call): number[] => [
  1,
  input / 1_000,
  output / 100,
  inFlight / 10,
];
