import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RedisClock } from './redis-clock.ts';

/** A machine and its Redis, in time with each other at first. */
function machine() {
  const clocks = { redis: 1_000_000_000, wall: 1_000_000_000, steady: 0, takes: 0, away: false };
  const pass = (ms: number): void => {
    for (const clock of ['redis', 'wall', 'steady'] as const) clocks[clock] += ms;
  };
  const told: number[] = [];
  const clock = new RedisClock({
    redis: {
      time: () => {
        pass(clocks.takes);
        const answer = [Math.floor(clocks.redis / 1_000), (clocks.redis % 1_000) * 1_000];
        return clocks.away ? Promise.reject(new Error('away')) : Promise.resolve(answer);
      },
    },
    events: { clockOff: ({ ahead_ms: ms }) => told.push(ms) },
    wall: () => clocks.wall,
    steady: () => clocks.steady,
  });
  return { clock, clocks, pass, told };
}

void describe('the clock of a Redis', () => {
  test('a machine that is ten minutes ahead or behind goes by Redis, and says so once', async () => {
    for (const off of [600_000, -600_000]) {
      const { clock, clocks, pass, told } = machine();
      clocks.wall += off;
      await clock.read();
      assert.equal(clock.now(), clocks.redis);
      pass(700);
      assert.equal(clock.now(), clocks.redis);
      await clock.read();
      assert.deepEqual(told, [off]);
      clocks.wall -= off;
      await clock.read();
      assert.deepEqual(told, [off, 0]);
      assert.equal(clock.now(), clocks.redis);
    }
  });

  test('clocks that go nearly alike are left alone', async () => {
    const { clock, clocks, told } = machine();
    clocks.wall += 400;
    await clock.read();
    assert.equal(clock.now(), clocks.wall);
    assert.deepEqual(told, []);
  });

  test('a clock that is set back does not take the time back until Redis was asked', async () => {
    const { clock, clocks, pass } = machine();
    await clock.read();
    clocks.wall -= 3_600_000;
    pass(300);
    assert.equal(clock.now(), clocks.redis);
    assert.equal(clock.latest(), clocks.redis);
    await clock.read();
    assert.equal(clock.now(), clocks.redis);
  });

  test('a clock that is set forward ends nothing before its time', async () => {
    const { clock, clocks, pass } = machine();
    await clock.read();
    clocks.wall += 3_600_000;
    pass(300);
    assert.equal(clock.now(), clocks.redis);
    await clock.read();
    assert.equal(clock.now(), clocks.redis);
    assert.equal(clock.latest(), clocks.redis);
  });

  test('after a sleep in which the steady clock stood still nobody thinks that he holds something yet', async () => {
    const { clock, clocks } = machine();
    await clock.read();
    clocks.redis += 60_000;
    clocks.wall += 60_000;
    assert.equal(clock.latest(), clocks.redis);
    await clock.read();
    assert.equal(clock.now(), clocks.redis);
  });

  test('times are whole milliseconds', async () => {
    const { clock, clocks } = machine();
    clocks.redis += 600_000.4;
    clocks.steady += 0.3;
    await clock.read();
    for (const wall of [0, 5_000]) {
      clocks.wall += wall;
      clocks.steady += 17.7;
      assert.ok(Number.isInteger(clock.now()));
      assert.ok(Number.isInteger(clock.latest()));
    }
  });

  test('a Redis that is away or slow says nothing about the time', async () => {
    const { clock, clocks } = machine();
    clocks.away = true;
    await clock.read();
    assert.equal(clock.now(), clocks.wall);
    clocks.away = false;
    clocks.redis += 600_000;
    clocks.takes = 700;
    await clock.read();
    assert.equal(clock.now(), clocks.wall);
  });
});
