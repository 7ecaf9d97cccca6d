import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startTestApi } from './test-api.ts';

test('the figures go by the part of a limit that the config lets be used', async () => {
  const api = await startTestApi({ config: 'admission: { utilisation: 0.5 }\n' });
  try {
    const { json } = await api.call('GET /admin/budgets');
    const mini = json.data.find(({ id }: { id: string }) => id === 'mini');
    const { dimension, limit, per_minute: perMinute } = mini.used[0];
    assert.deepEqual([dimension, limit, perMinute], ['rpm', 600, 300]);
  } finally {
    await api.stop();
  }
});
