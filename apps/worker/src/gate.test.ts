import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Gate } from './gate.ts';
import type { Admission, Asking, Booking, GatePorts } from './gate.ts';

const COST = { requests: 1, input: 10, output: 5, usd: 0 } as const;
const batch = (lease: string, until = Infinity): Asking => ({
  cost: COST,
  lease,
  band: 'batch',
  until,
});

const told = (admission: Admission): string =>
  typeof admission === 'string' ? admission : 'start';

interface Asked {
  leases: string[];
  band: string;
}

/** A booking office that answers as told, and keeps what it was asked. */
function office(answer: (asked: Asked, time: number) => Booking, over: Partial<GatePorts> = {}) {
  const asked: Asked[] = [];
  const released: string[] = [];
  const gate = new Gate({
    book: (_costs, band, leases) => {
      asked.push({ leases, band });
      return Promise.resolve(answer({ leases, band }, asked.length));
    },
    release: (leases) => released.push(...leases),
    mostCalls: () => Number.POSITIVE_INFINITY,
    now: () => performance.now(),
    ...over,
  });
  return { gate, asked, released };
}

const all = ({ leases }: Asked): Booking => ({
  passedOver: [],
  delaysMs: leases.map(() => 0),
  askAgainMs: null,
});

describe('the gate', () => {
  test('a whole chunk asks together, at most 32 at a time, in order', async () => {
    const { gate, asked } = office(all);
    const leases = Array.from({ length: 40 }, (_, i) => `l${i}`);
    const answers = await Promise.all(leases.map((lease) => gate.ask(batch(lease))));
    assert.ok(answers.every((answer) => typeof answer !== 'string'));
    assert.deepEqual(
      asked.map((one) => one.leases.length),
      [32, 8],
    );
    assert.deepEqual(
      asked.flatMap((one) => one.leases),
      leases,
    );
  });

  test('nothing starts at or after its deadline: not what waits for a booking, nor what is booked for later', async () => {
    const { gate, released } = office(({ leases }, time) =>
      time === 1
        ? { passedOver: [], delaysMs: [100], askAgainMs: 30 }
        : { passedOver: [], delaysMs: leases.map(() => 0), askAgainMs: null },
    );
    const soon = performance.now() + 10;
    const answers = await Promise.all([
      gate.ask(batch('booked too late', soon)),
      gate.ask(batch('waiting', soon)),
      gate.ask(batch('in time')),
    ]);
    assert.deepEqual(answers.map(told), ['turned_away', 'turned_away', 'start']);
    assert.deepEqual(released, ['booked too late']);
    assert.equal(gate.waiting, 0);
  });

  test('interactive asks by itself', async () => {
    const { gate, asked } = office(all);
    await Promise.all([gate.ask(batch('b')), gate.ask({ ...batch('i'), band: 'interactive' })]);
    assert.deepEqual(asked.map(({ band }) => band).toSorted(), ['batch', 'interactive']);
  });

  test('what is booked for later starts later; the rest asks again when told', async () => {
    const { gate, asked } = office(({ leases }, time) =>
      time === 1
        ? { passedOver: [], delaysMs: [30], askAgainMs: 5 }
        : { passedOver: [], delaysMs: leases.map(() => 0), askAgainMs: null },
    );
    const began = performance.now();
    const first = gate.ask(batch('a')).then(() => performance.now() - began);
    await gate.ask(batch('b'));
    assert.ok((await first) >= 29);
    assert.deepEqual(
      asked.map((one) => one.leases),
      [['a', 'b'], ['b']],
    );
  });

  test('what a day has too little left for is told so at once, and what is behind it starts', async () => {
    const { gate, asked } = office(({ leases }, time) =>
      time === 1
        ? { passedOver: [0, 2], delaysMs: [0], askAgainMs: 5 }
        : { passedOver: [], delaysMs: leases.map(() => 0), askAgainMs: null },
    );
    const answers = await Promise.all(['a', 'b', 'c', 'd'].map((lease) => gate.ask(batch(lease))));
    assert.deepEqual(answers.map(told), ['used_up', 'start', 'used_up', 'start']);
    assert.deepEqual(
      asked.map(({ leases }) => leases),
      [['a', 'b', 'c', 'd'], ['d']],
    );
    assert.equal(gate.waiting, 0);
  });

  test('a call that ends wakes what waits for a lease', async () => {
    let free = false;
    const { gate } = office(({ leases }) =>
      free
        ? { passedOver: [], delaysMs: leases.map(() => 0), askAgainMs: null }
        : { passedOver: [], delaysMs: [], askAgainMs: 60_000 },
    );
    const began = performance.now();
    const waiting = gate.ask(batch('a'));
    setImmediate(() => {
      free = true;
      gate.ended();
    });
    assert.equal(told(await waiting), 'start');
    assert.ok(performance.now() - began < 200);
  });

  test('closed it turns everybody away and gives back what was booked', async () => {
    const { gate, released } = office(({ leases }) => ({
      passedOver: [],
      delaysMs: leases.map(() => 5_000),
      askAgainMs: null,
    }));
    const booked = gate.ask(batch('a'));
    await new Promise(setImmediate);
    gate.close();
    assert.equal(await booked, 'turned_away');
    assert.deepEqual(released, ['a']);
    assert.equal(await gate.ask(batch('b')), 'turned_away');
    assert.equal(gate.waiting, 0);
  });

  test('after a refusal what was booked for later gives its lease back and asks again in order', async () => {
    const { gate, asked, released } = office(({ leases }, time) => ({
      passedOver: [],
      delaysMs: leases.map(() => (time === 1 ? 5_000 : 0)),
      askAgainMs: null,
    }));
    const both = Promise.all([gate.ask(batch('a')), gate.ask(batch('b'))]);
    await new Promise(setImmediate);
    gate.recall();
    assert.deepEqual((await both).map(told), ['start', 'start']);
    assert.deepEqual(released, ['a', 'b']);
    const [before, anew] = asked.map(({ leases }) => leases);
    assert.deepEqual([before, anew?.length], [['a', 'b'], 2]);
    assert.ok(anew?.every((lease) => !['a', 'b'].includes(lease)));
  });

  test('what was booked for a moment that has passed is given back, and asks again under another name, in order', async () => {
    const { gate, asked, released } = office(({ leases }, time) => ({
      passedOver: [],
      delaysMs: leases.map(() => (time === 1 ? -5_000 : 0)),
      askAgainMs: null,
    }));
    const [first, second] = await Promise.all([gate.ask(batch('a')), gate.ask(batch('b'))]);
    assert.deepEqual(released, ['a', 'b']);
    assert.equal(asked.length, 2);
    assert.deepEqual(
      [first, second].map((one) => typeof one !== 'string' && one.lease),
      asked[1]?.leases,
    );
    assert.ok(!asked[1]?.leases.some((lease) => ['a', 'b'].includes(lease)));
  });

  test('no more calls at once than this process is meant to make', async () => {
    const { gate, asked } = office(all, { mostCalls: () => 2 });
    const third = Promise.all([gate.ask(batch('a')), gate.ask(batch('b'))]).then(() =>
      gate.ask(batch('c')),
    );
    await new Promise(setImmediate);
    assert.deepEqual(
      asked.map((one) => one.leases),
      [['a', 'b']],
    );
    gate.ended();
    assert.equal(told(await third), 'start');
  });

  test('when Redis cannot be asked it goes on asking', async () => {
    let fails = 2;
    const { gate } = office(all, {
      book: (_costs, _band, leases) =>
        fails-- > 0
          ? Promise.reject(new Error('away'))
          : Promise.resolve(all({ leases, band: 'batch' })),
    });
    assert.equal(told(await gate.ask(batch('a'))), 'start');
  });
});
