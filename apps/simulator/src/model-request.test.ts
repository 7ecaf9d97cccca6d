import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ask, chat, one } from './calls-for-tests.ts';
import { anthropic } from './formats/anthropic.ts';
import { requestKey } from './request-texts.ts';

describe('requests', () => {
  const WRONG: [string, string, string | null][] = [
    ['not JSON', '{"model":', null],
    ['an array', '[]', null],
    ['no model', '{"messages":[{"role":"user","content":"x"}]}', 'model'],
    ['no messages', '{"model":"m"}', 'messages'],
    ['empty messages', '{"model":"m","messages":[]}', 'messages'],
    ['stream', chat('x', { stream: true }), 'stream'],
    ['max_tokens of 0', chat('x', { max_tokens: 0 }), 'max_tokens'],
    ['max_tokens as text', chat('x', { max_tokens: '5' }), 'max_tokens'],
    ['n of 1000', chat('x', { n: 1_000 }), 'n'],
  ];
  for (const [name, body, param] of WRONG) {
    it(`with ${name} are refused with 400 and the field`, () => {
      const simulation = one({ limits: { rpm: 60 } });
      const reply = ask(simulation, body);
      assert.equal(reply.status, 400);
      assert.equal(JSON.parse(reply.body).error.param, param);
      assert.deepEqual(simulation.stats(0).accounts['a']?.failed, { 400: 1 });
    });
  }

  it('have the same key in both formats, whatever their parameters', () => {
    const system = 'Be brief.';
    const user = { role: 'user', content: 'Why?' };
    const inOpenai = { messages: [{ role: 'system', content: system }, user], max_tokens: 3 };
    const inAnthropic = {
      system,
      messages: [{ ...user, content: [{ type: 'text', text: 'Why?' }] }],
    };
    assert.equal(requestKey(inOpenai), requestKey(inAnthropic));
    assert.notEqual(requestKey(inOpenai), requestKey({ messages: [user] }));
    assert.match(requestKey({ input: 'x' }), /^[0-9a-f]{40}$/);
  });
});

describe('anthropic messages', () => {
  it('demand max_tokens and never let it count when charging actual', () => {
    const simulation = one({ charge: 'actual', limits: { otpm: 600 }, output_tokens: 5 });
    const messages = [{ role: 'user', content: 'Hello' }];
    const send = (body: object): { status: number; body: string } => {
      const account = simulation.account('k');
      assert.ok(account);
      const taken = simulation.take(account, 'messages', anthropic, 0);
      const step = simulation.step(taken, JSON.stringify(body), 0);
      return step.do === 'reply' ? step.reply : simulation.answer(taken, 'ok', 0);
    };
    assert.match(send({ model: 'c', messages }).body, /max_tokens: Field required/);
    const answered = send({ model: 'c', messages, max_tokens: 100_000 });
    assert.equal(answered.status, 200);
    assert.equal(simulation.stats(0).accounts['a']?.limits.otpm?.charged, 5);
  });
});
