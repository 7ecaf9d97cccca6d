import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Seldom } from '@sluice/role';
import type { Logger } from 'pino';
import { dispatcherEvents } from './events.ts';

test('a webhook that arrived is no line of its own unless all is told; one that did not is', () => {
  const told: string[] = [];
  const at = (level: string) => (fields: { result: string }) =>
    void told.push(`${level} ${fields.result}`);
  const log = { debug: at('debug'), info: at('info') } as unknown as Logger;
  const events = dispatcherEvents(log);
  for (const result of ['delivered', 'failed', 'refused', 'gone'])
    events.webhook({ event: 'evt', type: 'job.succeeded', attempt: 1, result });
  assert.deepEqual(told, ['debug delivered', 'info failed', 'info refused', 'info gone']);
});

test('a fault that repeats is one line a minute', () => {
  const lines: object[] = [];
  const log = { error: (fields: object) => void lines.push(fields) } as unknown as Logger;
  let now = 0;
  const events = dispatcherEvents(log, new Seldom({ now: () => now }));
  const fault = { what: 'placing', error: 'OOM' };
  for (let i = 0; i < 5; i++) events.failed(fault);
  events.failed({ ...fault, error: 'another' });
  now += 60_000;
  events.failed(fault);
  assert.deepEqual(lines, [fault, { ...fault, error: 'another' }, { ...fault, repeats: 4 }]);
});
