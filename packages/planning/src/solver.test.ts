/** What Sluice relies on in the solver's package: quiet, leaves the process alone, can be used again and again. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { solve, solveInOrder } from './solver.ts';

/** min x + y with x + y ≥ least and x ≤ most. */
const small = (least: number, most: number) => ({
  numCols: 2,
  numRows: 1,
  colCost: [1, 1],
  colLower: [0, 0],
  colUpper: [most, 0],
  rowLower: [least],
  rowUpper: [Infinity],
  matrix: {
    format: 'csr' as const,
    numRows: 1,
    numCols: 2,
    starts: [0, 2],
    indices: [0, 1],
    values: [1, 1],
  },
});

test('solves, says what is infeasible, and goes on after both', async () => {
  for (let i = 0; i < 3; i += 1) {
    const solved = await solve(small(2, 5));
    assert.ok(solved.kind === 'optimal');
    assert.deepEqual([...solved.columns], [2, 0]);
    assert.deepEqual(await solve(small(9, 5)), { kind: 'infeasible' });
  }
});

const leastOf = (column: number) => ({ columns: [column], weights: [1] });

test('one objective after the other, each among what is best by those before', async () => {
  // Five together, three of each at most.
  const model = {
    numCols: 3,
    numRows: 1,
    colCost: [0, 0, 0],
    colLower: [0, 0, 0],
    colUpper: [3, 3, 3],
    rowLower: [5],
    rowUpper: [5],
    matrix: {
      format: 'csr' as const,
      numRows: 1,
      numCols: 3,
      starts: [0, 3],
      indices: [0, 1, 2],
      values: [1, 1, 1],
    },
  };
  const solved = await solveInOrder(model, [
    leastOf(0),
    leastOf(1),
    { columns: [2], weights: [-1] },
  ]);
  assert.ok(solved.kind === 'optimal');
  assert.deepEqual([...solved.columns], [0, 2, 3]);
  assert.deepEqual(
    solved.each.map(({ value }) => value),
    [0, 2, -3],
  );
  const other = await solveInOrder(model, [leastOf(2), leastOf(1)]);
  assert.ok(other.kind === 'optimal');
  assert.deepEqual([...other.columns], [3, 2, 0]);
  assert.deepEqual(await solveInOrder({ ...model, rowLower: [10], rowUpper: [10] }, [leastOf(0)]), {
    kind: 'infeasible',
  });
});

test('a model it cannot take is a returned failure, and the next one is solved again', async () => {
  const broken = await solve({ ...small(2, 5), colCost: [1] });
  assert.equal(broken.kind, 'failed');
  assert.ok(broken.kind === 'failed' && broken.reason.length > 0);
  assert.equal((await solve(small(2, 5))).kind, 'optimal');
});

test('solving at the same time gives each its own answer', async () => {
  const answers = await Promise.all([1, 2, 3, 4].map((least) => solve(small(least, 5))));
  assert.deepEqual(
    answers.map((answer) => answer.kind === 'optimal' && answer.columns[0]),
    [1, 2, 3, 4],
  );
});

test('prints nothing, adds no handlers to the process, and lets it end', async () => {
  const solver = new URL('./solver.ts', import.meta.url).href;
  const script = `
    const listeners = () => process.eventNames().map((name) => [String(name), process.listenerCount(name)]).sort();
    const before = JSON.stringify(listeners());
    const { solve } = await import(${JSON.stringify(solver)});
    const model = ${JSON.stringify({ ...small(2, 5), rowUpper: [1e30] })};
    const first = await solve(model);
    const impossible = await solve({ ...model, rowLower: [9] });
    const broken = await solve({ ...model, colCost: [1] });
    const after = JSON.stringify(listeners());
    process.stderr.write(JSON.stringify({ kinds: [first.kind, impossible.kind, broken.kind], before, after }));
  `;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', script],
    { cwd: import.meta.dirname },
  );
  assert.equal(stdout, '');
  const { kinds, before, after } = JSON.parse(stderr) as Record<string, unknown>;
  assert.deepEqual(kinds, ['optimal', 'infeasible', 'failed']);
  assert.equal(after, before);
});
