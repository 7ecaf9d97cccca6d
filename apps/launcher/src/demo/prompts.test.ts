import assert from 'node:assert/strict';
import { test } from 'node:test';
import { rowsOf } from '@sluice/testing';
import { promptLines } from './prompts.ts';

test('every line is a request of its own', () => {
  const lines = rowsOf<{ custom_id: string; body: { messages: { content: string }[] } }>(
    promptLines(1_000, 'fast'),
  );
  assert.equal(new Set(lines.map((line) => line.custom_id)).size, 1_000);
  assert.equal(new Set(lines.map((line) => line.body.messages[0]?.content)).size, 1_000);
});
