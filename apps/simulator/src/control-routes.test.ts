import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { chat, closeAll, json, start } from './servers-for-tests.ts';

afterEach(closeAll);

describe('/_sim', () => {
  it('shows counts and the ledger, resets and changes accounts', async () => {
    const simulator = await start({ limits: { rpm: 600 } }, { ledger: true });
    const at = (path: string): string => `${simulator.url}/_sim/${path}`;
    await chat(simulator);
    const stats = await json(await fetch(at('stats')));
    assert.equal(stats.accounts.a.ok, 1);
    assert.ok(stats.accounts.a.last_answer_ms >= stats.accounts.a.first_call_ms);
    const lines = (await (await fetch(at('ledger'))).text()).trim().split('\n');
    assert.equal(JSON.parse(lines[0] as string).status, 200);
    const patch = (id: string, body: string): Promise<Response> =>
      fetch(at(`accounts/${id}`), { method: 'PATCH', body });
    const set = await patch('a', '{"faults":[{"kind":"error","status":503,"for_ms":60000}]}');
    assert.equal(set.status, 200);
    assert.equal((await chat(simulator)).status, 503);
    const wrong = await patch('a', '{"faults":[{"kind":"eror"}]}');
    assert.equal(wrong.status, 400);
    assert.match((await json(wrong)).error.message, /accounts\.a\.faults\.0\.kind/);
    assert.equal((await patch('b', '{}')).status, 404);
    assert.equal((await patch('a', '{"faults"')).status, 400);
    const reset = await json(await fetch(at('reset'), { method: 'POST' }));
    assert.equal(reset.accounts.a.calls, 0);
    assert.equal(await (await fetch(at('ledger'))).text(), '');
    assert.equal((await fetch(at('nothing'))).status, 404);
  });

  it('has no ledger unless asked for, and health for whoever waits for it', async () => {
    const simulator = await start();
    assert.equal((await fetch(`${simulator.url}/_sim/ledger`)).status, 404);
    assert.deepEqual(simulator.ledger(), []);
    assert.equal((await fetch(`${simulator.url}/healthz`)).status, 200);
  });
});
