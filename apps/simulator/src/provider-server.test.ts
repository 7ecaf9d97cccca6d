import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import { until } from '@sluice/testing';
import { MESSAGES, chat, closeAll, start } from './servers-for-tests.ts';

afterEach(closeAll);

describe('time and connections', () => {
  it('a delayed answer comes not before its latency, many side by side', async () => {
    const simulator = await start({ latency: { first_token_ms: 60 } });
    const begin = performance.now();
    const all = await Promise.all(Array.from({ length: 50 }, () => chat(simulator)));
    const tookMs = performance.now() - begin;
    assert.ok(all.every(({ status }) => status === 200));
    assert.ok(tookMs >= 59, `${tookMs}`);
    assert.ok(tookMs < 50 * 60, 'side by side');
    assert.ok((simulator.stats().accounts['a']?.max_in_flight ?? 0) > 1);
  });

  it('an aborted call is counted and frees its place', async () => {
    const latency = { first_token_ms: 60_000 };
    const simulator = await start({ limits: { concurrency: 1 }, latency });
    const abort = new AbortController();
    const first = chat(simulator, { signal: abort.signal });
    const account = () => simulator.stats().accounts['a'];
    await until('the call is in flight', () => account()?.in_flight === 1);
    assert.equal((await chat(simulator)).status, 429);
    abort.abort();
    await assert.rejects(first);
    await until('the abort is noticed', () => account()?.aborted === 1);
    assert.equal(account()?.in_flight, 0);
  });

  it('a client that leaves in mid-request is counted as aborted', async () => {
    const simulator = await start();
    const socket = connect(simulator.port, '127.0.0.1');
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: 100\r\n\r\n{"mod',
    );
    await until('the call is seen', () => simulator.stats().accounts['a']?.calls === 1);
    socket.destroy();
    await until('the abort is noticed', () => simulator.stats().accounts['a']?.aborted === 1);
  });

  it('a hung call hangs until the client gives up', async () => {
    const simulator = await start({ faults: [{ kind: 'hang' }] });
    const abort = new AbortController();
    const hung = chat(simulator, { signal: abort.signal });
    const account = () => simulator.stats().accounts['a'];
    await until('the call hangs', () => account()?.in_flight === 1);
    simulator.update('a', { faults: [] });
    assert.equal((await chat(simulator)).status, 200);
    assert.equal(account()?.open, 1);
    abort.abort();
    await assert.rejects(hung);
    await until('the abort is noticed', () => account()?.aborted === 1);
  });

  it('close ends hung calls and waits for no one', async () => {
    const simulator = await start({ faults: [{ kind: 'hang' }] });
    const hung = chat(simulator);
    await until('the call hangs', () => simulator.stats().accounts['a']?.in_flight === 1);
    await Promise.all([simulator.close(), assert.rejects(hung)]);
    await until('the abort is noticed', () => simulator.stats().accounts['a']?.aborted === 1);
  });

  it('a cut comes after headers and part of the body', async () => {
    for (const first_token_ms of [0, 20]) {
      const simulator = await start({ faults: [{ kind: 'cut' }], latency: { first_token_ms } });
      const response = await chat(simulator);
      assert.equal(response.status, 200);
      await assert.rejects(response.text());
      assert.equal(simulator.stats().accounts['a']?.dropped, 1);
    }
  });

  it('an outage closes the connection without a byte', async () => {
    const simulator = await start({ faults: [{ kind: 'outage' }] });
    const socket = connect(simulator.port, '127.0.0.1');
    let bytes = 0;
    socket.on('data', (chunk) => (bytes += chunk.length));
    socket.on('error', () => undefined);
    socket.write(
      'POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: 100\r\n\r\n',
    );
    await once(socket, 'close');
    assert.equal(bytes, 0);
    assert.equal(simulator.stats().accounts['a']?.dropped, 1);
  });

  it('keeps connections alive', async () => {
    const simulator = await start();
    const socket = connect(simulator.port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    const body = JSON.stringify({ model: 'm', messages: MESSAGES });
    const request = `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer k\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
    socket.write(request);
    await until('the first answer', () => text.split('HTTP/1.1 200').length === 2);
    socket.write(request);
    await until('the second answer', () => text.split('HTTP/1.1 200').length === 3);
    socket.destroy();
  });

  it('refuses a body larger than any vendor takes', async () => {
    const simulator = await start();
    const response = await chat(simulator, { body: Buffer.alloc(64 * 1024 * 1024 + 1, 'x') }).catch(
      () => null,
    );
    await until('it is refused', () => simulator.stats().accounts['a']?.failed['413'] === 1);
    assert.ok(response === null || response.status === 413);
  });
});
