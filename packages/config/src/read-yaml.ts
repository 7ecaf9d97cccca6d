/** YAML text → plain tree, with the line of every value for messages. Duplicate keys are mistakes, not overwrites. */
import { LineCounter, isMap, isScalar, isSeq, parseDocument } from 'yaml';
import type { Document, Node } from 'yaml';
import { checkAnchors } from './anchors.ts';
import type { Mistake, Path } from './mistake.ts';
import { showPath } from './mistake.ts';

export interface YamlTree {
  tree: unknown;
  mistakes: Mistake[];
  /** Line from 1 of the value at a path, or of the nearest section around it. */
  lineOf: (path: Path) => number | undefined;
}

/** Never throws. With syntax mistakes the tree is undefined. */
export function readYaml(text: string): YamlTree {
  const lines = new LineCounter();
  // prettyErrors would quote the source, and with it secrets.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    merge: true,
  });
  const lineOf = (path: Path): number | undefined => nearestLine(document, lines, path);
  const mistakes = firstSlip(document, lines);
  if (mistakes.length > 0) return { tree: undefined, mistakes, lineOf };
  mistakes.push(...checkAnchors(document, lines));
  if (mistakes.length > 0) return { tree: undefined, mistakes, lineOf };
  checkKeys(document.contents, [], (path, start, wrong) => {
    const line = lines.linePos(start).line;
    mistakes.push({ path: showPath(path), at: path, line, ...wrong });
  });
  return { ...toTree(document, mistakes), lineOf };
}

/** One slip of syntax makes the parser stumble over much that follows: only the first is told, and how many there are. */
function firstSlip({ errors }: Document, lines: LineCounter): Mistake[] {
  const [first, ...others] = errors;
  if (first === undefined) return [];
  const more = others.length === 0 ? '' : ` (${others.length} more after it, likely of the same)`;
  return [
    {
      path: '',
      at: [],
      line: lines.linePos(first.pos[0]).line,
      found: first.code.toLowerCase().replaceAll('_', ' '),
      allowed: `well-formed YAML${more}`,
    },
  ];
}

function toTree(document: Document, mistakes: Mistake[]): { tree: unknown; mistakes: Mistake[] } {
  try {
    // What aliases unfold to was bounded by checkAnchors; yaml's own bound refuses the hundredth use of an anchor.
    return { tree: document.toJS({ maxAliasCount: -1 }), mistakes };
  } catch {
    // The one thing left that toJS refuses.
    const found = '`<<` with what is no section';
    const mistake = { path: '', at: [], found, allowed: '`<<` with the alias of a section' };
    return { tree: undefined, mistakes: [...mistakes, mistake] };
  }
}

type Wrong = Pick<Mistake, 'found' | 'allowed'>;

const TWICE: Wrong = { found: 'the same name again', allowed: 'each name once in its section' };

/** `__proto__`, `constructor`, `toString` …: as names they would be lost, or found where nobody wrote them. */
const inherited = (name: string): Wrong => ({
  found: `the name ${name}`,
  allowed: 'a name that not every object of JavaScript has already',
});

function checkKeys(
  node: unknown,
  path: Path,
  report: (path: Path, start: number, wrong: Wrong) => void,
): void {
  if (isSeq(node)) node.items.forEach((item, i) => checkKeys(item, [...path, i], report));
  if (!isMap(node)) return;
  const seen = new Set<string>();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : String(key);
    const here = [...path, name];
    const start = (key as Node).range?.[0] ?? 0;
    if (seen.has(name)) report(here, start, TWICE);
    if (name in Object.prototype) report(here, start, inherited(name));
    seen.add(name);
    checkKeys(value, here, report);
  }
}

function nearestLine(document: Document, lines: LineCounter, path: Path): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const start = startOf(document, path.slice(0, length));
    if (start !== undefined) return lines.linePos(start).line;
  }
  return undefined;
}

/** Where the key (or the list item) at `path` begins in the text. */
function startOf(document: Document, path: Path): number | undefined {
  const parent = path.length === 1 ? document.contents : document.getIn(path.slice(0, -1), true);
  const last = path.at(-1);
  if (isSeq(parent)) return (parent.items[Number(last)] as Node | undefined)?.range?.[0];
  if (!isMap(parent)) return undefined;
  const pair = parent.items.find(({ key }) => isScalar(key) && String(key.value) === last);
  return (pair?.key as Node | undefined)?.range?.[0];
}
