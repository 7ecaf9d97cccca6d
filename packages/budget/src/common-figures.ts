/**
 * What the answers of alike deployments say together of a job's tokens. Prices are compared by these: what each has learnt by itself
 * differs by chance, and would make one of several keys of a model seem a little cheaper than the others for ever. Pure.
 */
import type { Price } from '@sluice/job';
import type { CostFacts } from './cost.ts';

export type CommonFigures = Pick<CostFacts, 'charsPerToken' | 'cachedShare' | 'meanOutput'>;

/** A deployment, and what its own answers say. */
export interface Answering extends CommonFigures {
  id: string;
  model: string;
  price: Price | null;
  /** Calls that it answered. */
  answers: number;
}

/**
 * By deployment. Alike are those of one model or of one price, and who is alike to one of them; each counts by its answers. Before the
 * first answer of any of them the figures are its own.
 */
export function commonFigures(all: readonly Answering[]): Map<string, CommonFigures> {
  const common = new Map<string, CommonFigures>();
  for (const alike of groupsOf(all)) {
    const known = alike.filter(({ answers }) => answers > 0);
    const together = known.length > 0 ? figuresOf(known) : null;
    for (const each of alike) common.set(each.id, together ?? each);
  }
  return common;
}

function figuresOf(known: readonly Answering[]): CommonFigures {
  const answers = known.reduce((sum, each) => sum + each.answers, 0);
  const mean = (of: (each: Answering) => number): number =>
    known.reduce((sum, each) => sum + each.answers * of(each), 0) / answers;
  const told = known.filter(({ meanOutput }) => meanOutput !== null);
  const toldAnswers = told.reduce((sum, each) => sum + each.answers, 0);
  const output = told.reduce((sum, each) => sum + each.answers * (each.meanOutput ?? 0), 0);
  return {
    // Tokens add up, characters per token do not.
    charsPerToken: 1 / mean(({ charsPerToken }) => 1 / charsPerToken),
    cachedShare: mean(({ cachedShare }) => cachedShare),
    meanOutput: told.length > 0 ? output / toldAnswers : null,
  };
}

/** Models and prices that some deployment has in common are one group. */
function groupsOf(all: readonly Answering[]): Iterable<Answering[]> {
  const parents = new Map<string, string>();
  const rootOf = (key: string): string => {
    let root = key;
    for (let up = parents.get(root); up !== undefined; up = parents.get(root)) root = up;
    if (root !== key) parents.set(key, root);
    return root;
  };
  for (const each of all) {
    const [model, price] = keysOf(each).map(rootOf);
    if (model !== undefined && price !== undefined && model !== price) parents.set(price, model);
  }
  const groups = new Map<string, Answering[]>();
  for (const each of all) {
    const root = rootOf(modelKey(each));
    const group = groups.get(root);
    if (group) group.push(each);
    else groups.set(root, [each]);
  }
  return groups.values();
}

const modelKey = ({ model }: Answering): string => `model ${model}`;

/** What costs nothing costs the same however many tokens it has: that makes nobody alike. */
function keysOf(each: Answering): string[] {
  const { price } = each;
  if (price === null) return [modelKey(each)];
  const { input, output, cached_input: cached = input } = price;
  const isFree = input === 0 && output === 0;
  return [modelKey(each), ...(isFree ? [] : [`price ${input} ${output} ${cached}`])];
}
