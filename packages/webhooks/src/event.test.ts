import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { EVENT_TYPES } from '@sluice/job';
import { parseEvent } from './event.ts';

const event = {
  id: `evt_${'0'.repeat(32)}`,
  type: 'job.failed',
  url: 'https://example.com/hook',
  subject: 'job_1',
  at: 5,
  tenant: 'a',
};

test('every type of event is read, and nothing beyond its fields', () => {
  for (const type of EVENT_TYPES) {
    const text = JSON.stringify({ ...event, type, body: 'left behind' });
    assert.deepEqual(parseEvent(text), { ...event, type });
  }
});

test('an event may be for endpoints alone, or for a URL alone', () => {
  assert.equal(parseEvent(JSON.stringify({ ...event, url: null }))?.url, null);
  const { tenant: _, ...direct } = event;
  assert.equal(parseEvent(JSON.stringify(direct))?.tenant, null);
});

test('whatever is no event is null', () => {
  const broken = [
    { id: '17' },
    { id: 'evt_a:b' },
    { type: 'job.queued' },
    { url: null, tenant: null },
    { url: 7 },
    { tenant: 7 },
    { subject: 1 },
    { at: 'now' },
  ];
  for (const change of broken) {
    assert.equal(parseEvent(JSON.stringify({ ...event, ...change })), null, JSON.stringify(change));
  }
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => parseEvent(text) === null));
});
