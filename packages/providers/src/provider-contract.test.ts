/**
 * What every wire format owes the rest of Sluice, as a suite that each adapter runs: a new format is one folder that
 * passes it, with a line in adapters.ts.
 */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { ENDPOINTS, OUTCOMES } from '@sluice/job';
import type { Endpoint } from '@sluice/job';
import type { Adapter, Answer } from './adapter.ts';
import { ADAPTERS } from './adapters.ts';
import { deploymentOf, loadFixtures } from './fixtures.ts';
import type { Fixture } from './fixtures.ts';

const CHAT = { messages: [{ role: 'user', content: '17 × 3?' }] };
/** Classes that are the caller's to tell: no response carries them. */
const WITHOUT_RESPONSE = ['network', 'lost'];

for (const adapter of Object.values(ADAPTERS)) {
  const fixtures = loadFixtures(adapter.type);
  describe(`${adapter.type}: responses`, () => responses(adapter, fixtures));
  describe(`${adapter.type}: requests`, () => requests(adapter));
}

function responses(adapter: Adapter, fixtures: readonly Fixture[]): void {
  for (const fixture of fixtures) {
    test(`${fixture.name}: ${fixture.expect.outcome}`, () => {
      const answer = adapter.readAnswer(fixture.endpoint, fixture.response);
      checkExpected(answer, fixture);
      checkForm(answer);
      for (const secret of fixture.forbidden ?? []) {
        assert.ok(!answer.message?.includes(secret), answer.message ?? '');
        if (answer.outcome === 'credential') assert.ok(!answer.body.includes(secret), answer.body);
      }
    });
  }

  test('the fixtures show every class that a response can carry', () => {
    const shown = new Set(fixtures.map(({ expect }) => expect.outcome));
    const missing = OUTCOMES.filter((o) => !shown.has(o) && !WITHOUT_RESPONSE.includes(o));
    assert.deepEqual(missing, []);
  });

  test('any status with any text is an answer of the right form', () => {
    const text = fc.oneof(
      fc.string(),
      fc.json(),
      fc.json().map((json) => `{"error":${json}}`),
      fc.json().map((json) => `{"content":[${json}],"choices":[${json}],"usage":${json}}`),
      fc.constantFrom(...fixtures.map(({ response }) => response.text)),
    );
    fc.assert(
      fc.property(fc.integer({ min: 200, max: 599 }), text, (status, body) => {
        const answer = adapter.readAnswer('/v1/chat/completions', {
          status,
          headers: {},
          text: body,
        });
        checkForm(answer);
        if (status >= 300) assert.notEqual(answer.outcome, 'ok');
      }),
      { numRuns: 500 },
    );
  });
}

function checkExpected(answer: Answer, { expect, response }: Fixture): void {
  const { outcome, usage, retryAfterMs, statusCode } = answer;
  assert.deepEqual(
    { outcome, usage, retryAfterMs, statusCode },
    {
      outcome: expect.outcome,
      usage: expect.usage,
      retryAfterMs: expect.retryAfterMs,
      statusCode: expect.statusCode ?? response.status,
    },
  );
  const body = JSON.parse(answer.body) as {
    error?: { code: unknown };
    choices?: { finish_reason: unknown }[];
  };
  if (expect.code) assert.equal(body.error?.code, expect.code);
  if (expect.finishReason) assert.equal(body.choices?.[0]?.finish_reason, expect.finishReason);
}

/** One line, a JSON object; a failure an envelope, and short. */
function checkForm(answer: Answer): void {
  assert.ok(!/[\r\n]/.test(answer.body));
  const body: unknown = JSON.parse(answer.body);
  assert.ok(typeof body === 'object' && body !== null && !Array.isArray(body));
  if (answer.outcome === 'ok') return;
  const { error } = body as { error: { message: string } };
  assert.equal(typeof error.message, 'string');
  assert.ok(answer.message.length > 0 && answer.message.length <= 500);
  assert.ok(!/[\r\n]/.test(answer.message));
  assert.ok(answer.statusCode >= 400 && answer.statusCode <= 599, String(answer.statusCode));
}

function requests(adapter: Adapter): void {
  const deployment = deploymentOf(adapter.type, adapter.defaultBaseUrl);
  const build = (
    body: Record<string, unknown>,
    more = {},
    endpoint: Endpoint = '/v1/chat/completions',
  ) => adapter.buildRequest({ endpoint, body, deployment: { ...deployment, ...more } });

  test('goes to the default address with the key, the model and a body of JSON', () => {
    const request = build({ ...CHAT, model: 'pool' });
    assert.ok(request.url.startsWith(adapter.defaultBaseUrl));
    assert.equal(request.headers['content-type'], 'application/json');
    assert.ok(JSON.stringify(request.headers).includes('sk-secret-0123456789'));
    assert.ok(!request.body.includes('sk-secret') && !request.url.includes('sk-secret'));
    assert.equal((JSON.parse(request.body) as { model: string }).model, 'the-model');
  });

  test("adds the deployment's params, headers and query; what the caller set wins", () => {
    const { url, headers, body } = build(
      { ...CHAT, temperature: 0.2 },
      {
        params: { temperature: 0.9, top_p: 0.5, model: 'not this' },
        headers: { 'X-Title': 'Sluice' },
        query: { 'api-version': '2024-10-21' },
      },
    );
    const sent = JSON.parse(body) as Record<string, unknown>;
    assert.deepEqual([sent['temperature'], sent['top_p'], sent['model']], [0.2, 0.5, 'the-model']);
    assert.equal(headers['x-title'], 'Sluice');
    assert.ok(url.endsWith('?api-version=2024-10-21'));
  });

  test('a provider without a key is called without one', () => {
    const { headers } = build(CHAT, { provider: { ...deployment.provider, apiKey: null } });
    assert.ok(!('authorization' in headers) && !('x-api-key' in headers));
  });

  test('the body given is left as it was', () => {
    const body = structuredClone(CHAT);
    build(body, { params: { top_p: 1 } });
    assert.deepEqual(body, CHAT);
  });

  test('cannotSay is silent on the plain and the null, and names stream and missing endpoints', () => {
    assert.deepEqual(
      adapter.cannotSay('/v1/chat/completions', { ...CHAT, stream: false, stop: null }),
      [],
    );
    assert.deepEqual(adapter.cannotSay('/v1/chat/completions', { ...CHAT, stream: true }), [
      'stream',
    ]);
    for (const endpoint of ENDPOINTS.filter((e) => !adapter.endpoints.includes(e))) {
      assert.deepEqual(adapter.cannotSay(endpoint, {}), ['endpoint']);
      assert.throws(() => build({}, {}, endpoint), TypeError);
    }
  });

  test('anything at all as a body is judged and, if need be, sent without throwing', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.jsonValue(), (body, messages) => {
        const whole = { ...body, messages };
        assert.ok(Array.isArray(adapter.cannotSay('/v1/chat/completions', whole)));
        JSON.parse(build(whole).body);
      }),
    );
  });
}
