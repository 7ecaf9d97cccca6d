import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { Agenda } from './agenda.ts';

test('things happen in the order of their times, those of one moment in the order they were planned', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20)), (times) => {
      const agenda = new Agenda();
      const happened: [number, number][] = [];
      times.forEach((time, i) => agenda.at(time, () => happened.push([agenda.now, i])));
      while (agenda.step());
      const wanted = times
        .map((time, i): [number, number] => [time, i])
        .toSorted(([a, i], [b, j]) => a - b || i - j);
      assert.deepEqual(happened, wanted);
    }),
  );
});

test('what is planned for the past happens now', () => {
  const agenda = new Agenda();
  const at: number[] = [];
  agenda.at(10, () => agenda.at(5, () => at.push(agenda.now)));
  while (agenda.step());
  assert.deepEqual(at, [10]);
});
