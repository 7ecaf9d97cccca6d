import assert from 'node:assert/strict';
import { test } from 'node:test';
import { exampleJob } from './example-scenario.ts';
import { tasksOf } from './task.ts';
import type { Task } from './task.ts';
import { Timetable } from './timetable.ts';

const jobs = [
  exampleJob({ at: 0, deadlineMs: 500 }),
  exampleJob({ at: 100, deadlineMs: 200 }),
  exampleJob({ at: 100, deadlineMs: 1_000 }),
];

function all(next: (now: number) => Task | null, now: number): number[] {
  const found: number[] = [];
  for (let one = next(now); one; one = next(now)) found.push(one.index);
  return found;
}

test('jobs come when they arrive, each once, and are told of at their deadlines', () => {
  const table = new Timetable(tasksOf(jobs, 1));
  const arriving = (now: number): number[] => all((at) => table.arriving(at), now);
  const overdue = (now: number): number[] => all((at) => table.overdue(at), now);
  assert.deepEqual([table.nextArrivalAt, table.nextDeadlineAt, table.open], [0, 300, 0]);
  assert.deepEqual([arriving(0), table.nextArrivalAt, table.open], [[0], 100, 1]);
  assert.deepEqual([arriving(100), table.nextArrivalAt, table.open], [[1, 2], Infinity, 3]);
  assert.deepEqual([overdue(299), overdue(300), overdue(2_000)], [[], [1], [0, 2]]);
  assert.equal(table.nextDeadlineAt, Infinity);
});

test('a run is over with the last end, which says when', () => {
  const table = new Timetable(tasksOf(jobs, 1));
  while (table.arriving(100));
  for (const at of [7, 9]) table.end(at);
  assert.deepEqual([table.isOver, table.open], [false, 1]);
  table.end(20);
  assert.deepEqual([table.isOver, table.open, table.ended, table.endedAt], [true, 0, 3, 20]);
});
