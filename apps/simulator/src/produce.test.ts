import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ask, call, chat, one } from './calls-for-tests.ts';
import { Simulation } from './simulation.ts';

const content = (body: string): string => JSON.parse(body).choices[0].message.content;

function answerTo(question: string, seed: number): string {
  const simulation = one({ output_tokens: { mean: 50, spread: 0.5 } }, { seed });
  return content(ask(simulation, chat(question)).body);
}

describe('answers', () => {
  it('are a function of seed, account and question', () => {
    assert.equal(answerTo('Why?', 1), answerTo('Why?', 1));
    assert.notEqual(answerTo('Why?', 1), answerTo('Why?', 2));
    assert.notEqual(answerTo('Why?', 1), answerTo('How?', 1));
    const two = { a: { key: 'a' }, b: { key: 'b' } };
    const simulation = new Simulation({ accounts: two }, 0, 0);
    const of = (key: string): string => content(ask(simulation, chat(), { now: 0, key }).body);
    assert.notEqual(of('a'), of('b'));
  });

  it('echo the last message of the user, within the maximum', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), (question) => {
        const messages = [
          { role: 'user', content: 'before' },
          { role: 'assistant', content: 'no' },
          { role: 'user', content: [{ type: 'text', text: question }] },
        ];
        const simulation = one({ answer: 'echo' });
        const reply = ask(simulation, JSON.stringify({ model: 'm', messages }));
        assert.equal(content(reply.body), question);
      }),
    );
    const short = ask(one({ answer: 'echo' }), chat('one two three', { max_tokens: 2 }));
    assert.equal(content(short.body), 'one two ');
  });

  it('take the latency asked for, more or less by the jitter', () => {
    const latency = {
      first_token_ms: 100,
      per_input_token_ms: 1,
      per_output_token_ms: 2,
      jitter: 0.2,
    };
    const simulation = one({ latency, output_tokens: 25 });
    const times = Array.from({ length: 200 }, (_, question) => {
      const [taken, step] = call(simulation, chat(`Question ${question}`));
      assert.ok(step.do === 'wait');
      return step.ms / (150 + (taken.request?.inputTokens ?? 0));
    });
    assert.ok(Math.min(...times) >= 0.8 && Math.max(...times) <= 1.2);
    assert.ok(Math.max(...times) - Math.min(...times) > 0.3);
  });
});
