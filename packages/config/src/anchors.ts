/** Anchors of YAML and their aliases: each alias must find its anchor, ended above it, and the file must not unfold without bound. */
import { isAlias, isCollection, isNode, isPair } from 'yaml';
import type { Alias, Document, LineCounter } from 'yaml';
import type { Mistake } from './mistake.ts';

/** Values of a file with every alias written out. 1,000 deployments with all there is to say have 40,000. */
const MOST_VALUES = 1_000_000;

interface Walk {
  /** Values of each anchor that has ended, all its aliases written out. */
  ended: Map<string, number>;
  /** Anchors around the value looked at. */
  open: string[];
  values: number;
  report: (alias: Alias, found: string, allowed: string) => void;
}

/** What is wrong with aliases, in the order of the file. */
export function checkAnchors(document: Document, lines: LineCounter): Mistake[] {
  const mistakes: Mistake[] = [];
  const report = (alias: Alias, found: string, allowed: string): void => {
    const line = lines.linePos(alias.range?.[0] ?? 0).line;
    mistakes.push({ path: '', at: [], line, found, allowed });
  };
  walk(document.contents, { ended: new Map(), open: [], values: 0, report });
  return mistakes;
}

function walk(node: unknown, state: Walk): void {
  if (isAlias(node)) return unfold(node, state);
  if (isPair(node)) {
    walk(node.key, state);
    return walk(node.value, state);
  }
  if (!isNode(node)) return;
  const before = state.values;
  const anchor = 'anchor' in node ? node.anchor : undefined;
  state.values += 1;
  if (anchor !== undefined) state.open.push(anchor);
  if (isCollection(node)) for (const item of node.items) walk(item, state);
  if (anchor === undefined) return;
  state.open.pop();
  state.ended.set(anchor, state.values - before);
}

function unfold(alias: Alias, state: Walk): void {
  const { ended, open, report } = state;
  const name = alias.source;
  const values = ended.get(name);
  if (open.includes(name))
    report(
      alias,
      `the alias *${name} inside of its own anchor`,
      'aliases of anchors that end above them',
    );
  else if (values === undefined)
    report(alias, `the alias *${name} of no anchor above it`, known([...ended.keys()]));
  else if (state.values <= MOST_VALUES) {
    state.values += values;
    if (state.values > MOST_VALUES) report(alias, ...tooMuch(name));
  }
}

const SHOWN = 20;

function known(names: string[]): string {
  if (names.length === 0) return 'aliases of anchors defined above them; there are none';
  const more = names.length > SHOWN ? ` and ${names.length - SHOWN} more` : '';
  const list = names.slice(0, SHOWN).map((name) => `&${name}`);
  return `aliases of anchors defined above them: ${list.join(', ')}${more}`;
}

const tooMuch = (name: string): [found: string, allowed: string] => [
  `the alias *${name}, which unfolds the file beyond ${MOST_VALUES} values`,
  `a file of at most ${MOST_VALUES} values, all aliases written out`,
];
